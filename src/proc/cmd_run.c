/* SPDX-License-Identifier: Apache-2.0 */
/* run: serves what a configuration file says. */
#include "proc/cmd.h"
#include "proc/config.h"
#include "proc/serve.h"

static struct {
    const char *config;
} want = {.config = "/etc/sallyport/sallyport.yaml"};

static const struct sp_option options[] = {
    {.name = "config", .letter = 'c', .kind = SP_OPTION_TEXT, .value = "FILE", .to.text = &want.config,
     .doc = "Configuration to read. Default: /etc/sallyport/sallyport.yaml."},
    {0},
};

static const struct sp_example examples[] = {
    {"write a configuration, check it, run it", "sallyport help --config > s.yaml; sallyport check -c s.yaml && sallyport run -c s.yaml"},
    {"new rules, no connection lost", "kill -HUP $(pidof sallyport)"},
    {0},
};

static int run(void)
{
    struct sp_config config;
    int status = sp_config_open(want.config, &config);
    if (status)
        return status;
    status = sp_serve(&config);
    sp_config_fini(&config);
    return status;
}

const struct sp_command sp_cmd_run = {
    .name = "run",
    .summary = "protect the services of a configuration file",
    .about = "Reads the configuration, loads the rules and proves them, and only then opens a socket: a mistake anywhere is reported with its "
             "place and nothing is started.\n"
             "SIGHUP loads the rules again and reopens event files; when a rule is wrong the old ones stay in force. SIGTERM and SIGINT end it: "
             "no new connections, those that are open may finish what they are at.",
    .options = options,
    .examples = examples,
    .run = run,
};
