/* Pre-trained BERT weights from a folder in the usual layout (model.safetensors, BERT's tensor names). */
#ifndef CT_MODEL_WEIGHTS_H
#define CT_MODEL_WEIGHTS_H

#include "model/encoders.h"

/* Fills a transformer's parameters from FOLDER/model.safetensors. Names may carry the prefix "bert."; query, key and
 * value become row blocks of qkv; position rows beyond data.max_user_tokens are left out, fewer are refused. Tensors
 * that an encoder has no place for (pooler, position_ids, heads) are ignored. CT_ERR_FORMAT names a missing tensor or
 * shapes found and wanted; CT_ERR_DTYPE where a tensor holds something else than F32, F16, BF16 or F64. */
ct_status ct_weights_load_bert(const ct_text_encoder *e, ct_params *params, const char *folder, ct_error *err);

#endif
