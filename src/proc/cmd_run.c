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
    {"new rules, no connection lost", "sallyport reload -c s.yaml"},
    {0},
};

static int configure(struct sp_config *ret)
{
    return sp_config_open(want.config, ret);
}

const struct sp_command sp_cmd_run = {
    .name = "run",
    .summary = "protect the services of a configuration file",
    .about = "Reads the configuration, loads the rules and proves them, and only then opens a socket: a mistake anywhere is reported with its "
             "place and nothing is started.\n"
             "SIGHUP loads configuration and rules again and reopens event files; when something is wrong what was in force stays in force. SIGTERM "
             "and SIGINT end it: no new connections, those that are open may finish what they are at; a second one ends it at once.\n"
             "Each worker's connections outlive it: when it dies or hangs, another one goes on with them.",
    .options = options,
    .examples = examples,
    .run = sp_serve,
    .configure = configure,
};
