/* SPDX-License-Identifier: Apache-2.0 */
/* protect: one service, told on the command line. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proc/cmd.h"
#include "proc/config_check.h"
#include "proc/recognise.h"
#include "proc/serve.h"

static struct {
    const char *to, *protocol;
    struct sp_list listen, rules, events;
    bool monitor, forwarded_for;
    unsigned long workers;
} want;

static const struct sp_option options[] = {
    {.name = "listen", .letter = 'l', .kind = SP_OPTION_LIST, .value = "ADDRESS", .to.list = &want.listen,
     .doc = "Where clients connect: host:port, :port (every address), [v6]:port; may be given several times. Required."},
    {.name = "to", .letter = 't', .kind = SP_OPTION_TEXT, .value = "ADDRESS", .to.text = &want.to,
     .doc = "The server: host:port, [v6]:port or unix:/path. Required."},
    {.name = "protocol", .letter = 'p', .kind = SP_OPTION_TEXT, .value = "NAME", .to.text = &want.protocol,
     .doc = "What the server speaks. Default: what it shows when it is asked, once, before anything listens; http if nobody answers."},
    {.name = "rules", .letter = 'r', .kind = SP_OPTION_LIST, .value = "PATH", .to.list = &want.rules,
     .doc = "Rule file or directory; may be given several times. Default: the installed patches, else ./patches."},
    {.name = "events", .letter = 'e', .kind = SP_OPTION_LIST, .value = "OUTPUT", .to.list = &want.events,
     .doc = "Where events go: a file, - (standard output), syslog, unix:/path (stream socket), none; may be given several times. "
            "Default: standard output."},
    {.name = "monitor", .letter = 'm', .kind = SP_OPTION_FLAG, .to.flag = &want.monitor, .doc = "Judge and report, but change nothing."},
    {.name = "forwarded-for", .kind = SP_OPTION_FLAG, .to.flag = &want.forwarded_for,
     .doc = "Tell the server the client's address in X-Forwarded-For."},
    {.name = "workers", .letter = 'w', .kind = SP_OPTION_NUMBER, .value = "N", .to.number = &want.workers, .max = SP_WORKERS_MAX,
     .doc = "Processes; 0, the default, is one for each processor."},
    {0},
};

static const struct sp_example examples[] = {
    {"shield a web server on this machine", "sallyport protect --listen :8080 --to 127.0.0.1:80"},
    {"shield a database: PostgreSQL, MySQL, MariaDB and Redis are recognised", "sallyport protect --listen :5433 --to 127.0.0.1:5432"},
    {"only look, for now", "sallyport protect --listen :8080 --to 127.0.0.1:80 --monitor --events /var/log/sallyport.json"},
    {"rules of your own beside the installed ones",
     "sallyport protect -l :8080 -t unix:/run/app.sock -r /usr/share/sallyport/patches -r my-rules"},
    {0},
};

static int too_many(const char *option, unsigned max)
{
    return sp_complain(SP_EXIT_INPUT, "protect: --%s is given more than %u times", option, max);
}

static int take_list(const char *option, const struct sp_list *from, struct sp_config_list *to)
{
    if (from->n > SP_LISTEN_MAX)
        return too_many(option, SP_LISTEN_MAX);
    for (unsigned i = 0; i < from->n; i++)
        to->item[to->n++] = from->item[i];
    return SP_EXIT_OK;
}

static struct sp_config_event event_output(const char *word)
{
    if (strcmp(word, "-") == 0)
        return (struct sp_config_event){.kind = SP_OUTPUT_STDOUT};
    if (strcmp(word, "syslog") == 0)
        return (struct sp_config_event){.kind = SP_OUTPUT_SYSLOG, .path = "/dev/log"};
    if (strncmp(word, "unix:", 5) == 0)
        return (struct sp_config_event){.kind = SP_OUTPUT_SOCKET, .path = word + 5};
    return (struct sp_config_event){.kind = SP_OUTPUT_FILE, .path = word};
}

static int take_events(struct sp_config *c)
{
    if (want.events.n > SP_OUTPUTS_MAX)
        return too_many("events", SP_OUTPUTS_MAX);
    if (want.events.n == 0)
        c->events[c->nevents++] = event_output("-");
    for (unsigned i = 0; i < want.events.n; i++)
        if (strcmp(want.events.item[i], "none") != 0)
            c->events[c->nevents++] = event_output(want.events.item[i]);
    return SP_EXIT_OK;
}

/*
 * What the server shows itself to be. A server that is down may be anything; most are of the web. Programs that take over from this one
 * find the answer in their environment, even if the server has gone.
 */
static int recognise(const char **ret)
{
    static const char known[] = "SALLYPORT_RECOGNISED";
    struct sp_address_list server;
    const char *why;
    bool reached;
    *ret = getenv(known) ? getenv(known) : "http";
    if (getenv(known))
        return SP_EXIT_OK;
    if (sp_address_parse(want.to, SP_ADDRESS_CONNECT, true, &server, &why))
        return sp_complain(SP_EXIT_INPUT, "protect: --to '%s': %s", want.to, why);
    const struct sp_proto *p = sp_recognise(&server, &reached);
    if (!p && reached)
        return sp_complain(SP_EXIT_INPUT, "protect: what %s speaks is not clear from its answers: say it with --protocol", want.to);
    if (p)
        sp_log(SP_LOG_INFO, "%s speaks %s", want.to, p->title);
    else
        sp_log(SP_LOG_WARN, "nobody answers at %s: http is assumed, --protocol says otherwise", want.to);
    *ret = p ? p->name : *ret;
    return setenv(known, *ret, true) ? sp_complain(SP_EXIT_RUNTIME, "out of memory") : SP_EXIT_OK;
}

static int fill(struct sp_config *c)
{
    struct sp_config_service *s = &c->services[0];
    s->name = s->protocol = want.protocol ? want.protocol : "http";
    s->to = want.to;
    s->monitor = want.monitor;
    s->forwarded_for = want.forwarded_for;
    c->workers = want.workers;
    int status = take_list("listen", &want.listen, &s->listen);
    if (!status)
        status = take_list("rules", &want.rules, &c->rules);
    if (!status)
        status = take_events(c);
    return status ? status : sp_config_check_options(c);
}

static int configure(struct sp_config *ret)
{
    if (want.listen.n == 0)
        return sp_complain(SP_EXIT_INPUT, "protect: --listen is missing, for example --listen :8080");
    if (!want.to)
        return sp_complain(SP_EXIT_INPUT, "protect: --to is missing, for example --to 127.0.0.1:80");
    if (sp_config_defaults(ret))
        return sp_complain(SP_EXIT_RUNTIME, "out of memory");
    int status = fill(ret);
    if (!status && !want.protocol) { /* the other options are right: now it is worth asking */
        status = recognise(&want.protocol);
        ret->services[0].name = ret->services[0].protocol = want.protocol;
        status = status ? status : sp_config_check_options(ret);
    }
    if (status)
        sp_config_fini(ret);
    return status;
}

const struct sp_command sp_cmd_protect = {
    .name = "protect",
    .summary = "stand in front of one server, without a configuration file",
    .about = "Listens, judges every message, and passes on to the server what it may have. Rules are loaded and proven before anything "
             "listens. Events are JSON lines in the form of Suricata's EVE.",
    .options = options,
    .examples = examples,
    .run = sp_serve,
    .configure = configure,
};
