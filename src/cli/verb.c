/* The frame of every verb that works on a configuration. */
#include "cli/cli.h"
#include "cli/progress.h"

int ct__run_verb(const ct__args *args, const ct__verb *verb) {
    ct__progress progress;
    ct_config *config = NULL;
    ct_error err = CT_ERROR_INIT;
    const int code = ct__open_config(args, &config);
    if (code >= 0) return code;
    ct__signals_watch(verb->at_once);
    const ct_observer observer = ct__progress_begin(&progress, args->quiet);
    const ct_status st = verb->run(config, &observer, verb->ctx, &err);
    ct__progress_end(&progress);
    if (st == CT_OK && verb->print) verb->print(config, verb->ctx);
    ct_config_close(config);
    return ct__exit_code(st, &err);
}
