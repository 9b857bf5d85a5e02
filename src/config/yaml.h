/* Reading YAML into nodes. */
#ifndef CT_CONFIG_YAML_H
#define CT_CONFIG_YAML_H

#include "config/config.h"
#include "config/node.h"

/* Bounds of a file. Deeper, longer or larger ones are mistakes. */
enum { CT__YAML_MAX_BYTES = 1 << 20, CT__YAML_MAX_DEPTH = 32, CT__YAML_MAX_NODES = 20000 };

/* The longest key, in a file as on the command line. */
enum { CT__MOST_KEY_BYTES = 128 };
#define CT__LONG_KEY "a key of more than 128 bytes"

/* Parses one document of n bytes. *root is NULL when there is none to go on with: then diags holds the reason. Keys
 * that stand twice, anchors, aliases, tags and merge keys are mistakes that leave a tree. Only memory makes it fail.
 * key: the key path that mistakes name ("" for a file). */
ct_status ct__yaml_parse(ct__node **root, const ct__source *source, const char *bytes, size_t n, const char *key,
                         ct_diagnostics *diags, ct_error *err);

#endif
