/* Finding a platform, or saying which there are. */
#include "serve/platform.h"

#include "base/str.h"

/* "shop, video, news" */
static ct_status unknown_platform(const ct_dataset *data, const char *name, ct_error *err) {
    ct_str known = {0};
    for (int32_t p = 0; p < data->n_platforms; p++)
        ct_str_printf(&known, NULL, "%s%s", p ? ", " : "", ct_strings_get(&data->platform_name, p));
    const ct_status st = ct_fail(err, CT_ERR_ARGUMENT, "platform '%s' is unknown; there are %s", name, ct_str_text(&known));
    ct_str_free(&known);
    return st;
}

ct_status ct__find_platform(const ct_dataset *data, const char *name, int32_t *platform, ct_error *err) {
    *platform = name ? ct_dataset_platform(data, name) : -1;
    return name && *platform < 0 ? unknown_platform(data, name, err) : CT_OK;
}
