/* SPDX-License-Identifier: Apache-2.0 */
/* check: configuration and rules, without opening a socket. */
#include <stdio.h>

#include "proc/cmd.h"
#include "proc/config.h"
#include "proc/rules.h"

static struct {
    const char *config;
    struct sp_list paths;
} want;

static const struct sp_option options[] = {
    {.name = "config", .letter = 'c', .kind = SP_OPTION_TEXT, .value = "FILE", .to.text = &want.config,
     .doc = "Configuration to check, with the rules it names."},
    {0},
};

static const struct sp_example examples[] = {
    {"before a reload", "sallyport check -c /etc/sallyport/sallyport.yaml && systemctl reload sallyport"},
    {"a rule you are writing", "sallyport check my-rules/CVE-2024-12345.yaml"},
    {0},
};

static int check_rules(const struct sp_list *paths)
{
    struct sp_rules rules;
    int status = sp_rules_load(paths, true, &rules);
    if (status)
        return status;
    struct sp_buf out = sp_buf_growing(1 << 20);
    sp_rules_describe(&rules, &out);
    sp_put_fmt(&out, ": %u proof cases hold; compiled to %zu bytes\n", rules.cases, sp_policy_size(rules.policy));
    sp_rules_fini(&rules);
    return sp_print(&out);
}

static int run(void)
{
    struct sp_config config;
    struct sp_list paths = want.paths;
    if (!want.config)
        return check_rules(&paths);
    int status = sp_config_open(want.config, &config);
    if (status)
        return status;
    printf("%s: %llu service%s\n", want.config, (unsigned long long)config.nservices, config.nservices == 1 ? "" : "s");
    fflush(stdout);
    if (paths.n == 0)
        sp_config_rules(&config, &paths);
    status = check_rules(&paths);
    sp_config_fini(&config);
    return status;
}

const struct sp_command sp_cmd_check = {
    .name = "check",
    .summary = "check configuration and rules, run every proof case",
    .operands = "PATH...",
    .about = "Loads the configuration (with -c) and the rules (PATH: files and directories; else those that the configuration names; else "
             "the installed ones) and runs the proof cases of every rule: each exploit must be stopped and each near miss must pass. Every "
             "mistake is reported with its place. Exit status 2 when there is one.",
    .options = options,
    .examples = examples,
    .given = &want.paths,
    .max_operands = SP_LIST_MAX,
    .run = run,
};
