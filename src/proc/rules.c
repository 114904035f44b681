/* SPDX-License-Identifier: Apache-2.0 */
/* rules: from directories to a policy in force: load, compile, prove. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/prove.h"
#include "proc/rules.h"

const char *const sp_rules_default_paths[] = {SP_DATADIR "/patches", "patches", NULL};

static int choose_paths(const struct sp_list *given, struct sp_list *ret)
{
    *ret = *given;
    if (given->n)
        return SP_EXIT_OK;
    for (const char *const *p = sp_rules_default_paths; *p; p++)
        if (access(*p, R_OK | X_OK) == 0) {
            ret->item[ret->n++] = *p;
            return SP_EXIT_OK;
        }
    return sp_complain(SP_EXIT_INPUT, "no rules: neither %s nor ./%s is there; name a directory with --rules", sp_rules_default_paths[0],
                       sp_rules_default_paths[1]);
}

void sp_print_diag(const struct sp_diag *d)
{
    if (d->text.n)
        fwrite(d->text.p, 1, d->text.n, stderr);
}

static int load_path(struct sp_ruleset *set, const char *path)
{
    struct sp_diag diag;
    sp_diag_init(&diag);
    int err = sp_ruleset_load(set, path, &diag);
    sp_print_diag(&diag);
    if (err && !diag.errors)
        sp_complain(SP_EXIT_INPUT, "cannot read rules from %s: %s", path, strerror(-err));
    sp_diag_fini(&diag);
    return err ? SP_EXIT_INPUT : SP_EXIT_OK;
}

int sp_rules_parse(const struct sp_list *paths, const struct sp_policy *before, struct sp_list *ret_paths, struct sp_ruleset *ret)
{
    struct sp_ruleset set;
    int status = choose_paths(paths, ret_paths);
    if (status)
        return status;
    if (sp_ruleset_init(&set))
        return sp_complain(SP_EXIT_RUNTIME, "out of memory");
    sp_ruleset_trust(&set, before);
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

/* Compiles and, when asked, proves. The text of every mistake is printed. */
static int put_in_force(struct sp_rules *r, bool prove, const struct sp_policy *before)
{
    struct sp_diag diag;
    sp_diag_init(&diag);
    int err = sp_policy_compile_after(&r->set, before, &diag, &r->policy);
    if (!err && prove) {
        err = sp_prove(&r->set, r->policy, &diag, &r->cases);
        if (err)
            sp_policy_free(r->policy);
    }
    sp_print_diag(&diag);
    int status = diag.errors ? SP_EXIT_INPUT : SP_EXIT_RUNTIME;
    if (err && !diag.errors)
        sp_complain(status, "cannot compile the rules: %s", strerror(-err));
    sp_diag_fini(&diag);
    return err ? status : SP_EXIT_OK;
}

int sp_rules_load_after(const struct sp_list *paths, bool prove, const struct sp_policy *before, struct sp_rules *ret)
{
    struct sp_rules r = {0};
    int status = sp_rules_parse(paths, before, &r.paths, &r.set);
    if (status)
        return status;
    status = put_in_force(&r, prove, before);
    if (status)
        sp_ruleset_fini(&r.set);
    else
        *ret = r;
    return status;
}

int sp_rules_load(const struct sp_list *paths, bool prove, struct sp_rules *ret)
{
    return sp_rules_load_after(paths, prove, NULL, ret);
}

void sp_rules_fini(struct sp_rules *r)
{
    sp_policy_free(r->policy);
    sp_ruleset_fini(&r->set);
}

void sp_rules_describe(const struct sp_rules *r, struct sp_buf *out)
{
    sp_put_fmt(out, "%u rule%s from ", r->set.nrules, r->set.nrules == 1 ? "" : "s");
    for (unsigned i = 0; i < r->paths.n; i++)
        sp_put_fmt(out, "%s%s", i ? ", " : "", r->paths.item[i]);
}
