/* SPDX-License-Identifier: Apache-2.0 */
/* rules: from directories to a policy in force: load, compile, prove. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/prove.h"
#include "proc/rules.h"

static const char *const default_paths[] = {SP_DATADIR "/patches", "patches", NULL};

static int choose_paths(const struct sp_list *given, struct sp_list *ret)
{
    *ret = *given;
    if (given->n)
        return SP_EXIT_OK;
    for (const char *const *p = default_paths; *p; p++)
        if (access(*p, R_OK | X_OK) == 0) {
            ret->item[ret->n++] = *p;
            return SP_EXIT_OK;
        }
    return sp_complain(SP_EXIT_INPUT, "no rules: neither %s nor ./%s is there; name a directory with --rules", default_paths[0],
                       default_paths[1]);
}

static void print_diag(const struct sp_diag *d)
{
    fwrite(d->text.p, 1, d->text.n, stderr);
}

static int load_path(struct sp_ruleset *set, const char *path)
{
    struct sp_diag diag;
    sp_diag_init(&diag);
    int err = sp_ruleset_load(set, path, &diag);
    print_diag(&diag);
    if (err && !diag.errors)
        sp_complain(SP_EXIT_INPUT, "cannot read rules from %s: %s", path, strerror(-err));
    sp_diag_fini(&diag);
    return err ? SP_EXIT_INPUT : SP_EXIT_OK;
}

int sp_rules_parse(const struct sp_list *paths, struct sp_list *ret_paths, struct sp_ruleset *ret)
{
    struct sp_ruleset set;
    int status = choose_paths(paths, ret_paths);
    if (status)
        return status;
    if (sp_ruleset_init(&set))
        return sp_complain(SP_EXIT_RUNTIME, "out of memory");
    for (unsigned i = 0; i < ret_paths->n; i++) {
        int bad = load_path(&set, ret_paths->item[i]);
        status = bad ? bad : status;
    }
    if (status)
        sp_ruleset_fini(&set);
    else
        *ret = set;
    return status;
}
