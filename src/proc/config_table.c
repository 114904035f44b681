/* SPDX-License-Identifier: Apache-2.0 */
/* config_table: every key of the configuration, one row each, in the order in which people read them. */
#include <stddef.h>

#include "proc/config_table.h"

#define TOP(member) offsetof(struct sp_config, member)
#define SERVICE(member) offsetof(struct sp_config_service, member)
#define EVENT(member) offsetof(struct sp_config_event, member)

enum {
    BODY_MAX_LARGEST = 64 << 20, /* a body is held in one block of the pool, with its head */
    HOUR_MS = 3600 * 1000,
};
#define BUDGET_LARGEST UINT64_C(1000000000000)
#define MEMORY_LARGEST (UINT64_C(1) << 40)

/* In the order of enum sp_proxy_mode. */
static const char *const proxy_in_words[] = {"none", "v1", "v2", "any", NULL};
static const char *const proxy_out_words[] = {"none", "v1", "v2", NULL};
/* In the order of enum sp_tls, sp_on_crash, sp_fail, sp_on_budget. */
static const char *const tls_words[] = {"refuse", "pass-uninspected", NULL};
static const char *const crash_words[] = {"pass", "close", NULL};
static const char *const fail_words[] = {"open", "closed", NULL};
static const char *const budget_words[] = {"pass", "refuse", NULL};
/* In the order of enum sp_output_kind. */
static const char *const output_words[] = {"file", "stdout", "syslog", "socket", NULL};

const struct config_key config_keys[] = {
    {SECTION_TOP, "services", CONFIG_MAPS, TOP(services), .max = SP_SERVICES_MAX, .inner = SECTION_SERVICE, .required = true,
     .item = sizeof(struct sp_config_service), .count = TOP(nservices), .doc = "What is protected: one entry for each server."},

    {SECTION_SERVICE, "name", CONFIG_TEXT, SERVICE(name), .required = true, .example = "shop", .min = 1, .max = 64,
     .doc = "Name of the service in events, and the value of service.name for rules."},
    {SECTION_SERVICE, "protocol", CONFIG_TEXT, SERVICE(protocol), .value = "http", .min = 1, .max = 32,
     .doc = "Application protocol that the server speaks."},
    {SECTION_SERVICE, "listen", CONFIG_TEXTS, SERVICE(listen), .required = true, .example = "[\":8080\"]", .max = SP_LISTEN_MAX,
     .doc = "Addresses that clients connect to: host:port, :port (every address), [v6]:port."},
    {SECTION_SERVICE, "to", CONFIG_TEXT, SERVICE(to), .required = true, .example = "127.0.0.1:80", .min = 1, .max = 256,
     .doc = "Address of the server: host:port, [v6]:port or unix:/path (a socket that `user` may write to)."},
    {SECTION_SERVICE, "monitor", CONFIG_BOOL, SERVICE(monitor), .value = "false",
     .doc = "Judge and report, but change nothing."},
    {SECTION_SERVICE, "proxy_protocol_in", CONFIG_WORD, SERVICE(proxy_in), .value = "none", .words = proxy_in_words,
     .doc = "Clients are behind a balancer that announces each with this version of the PROXY protocol; one that does not is closed."},
    {SECTION_SERVICE, "proxy_protocol_out", CONFIG_WORD, SERVICE(proxy_out), .value = "none", .words = proxy_out_words,
     .doc = "Announce the client to the server with this version of the PROXY protocol."},
    {SECTION_SERVICE, "forwarded_for", CONFIG_BOOL, SERVICE(forwarded_for), .value = "false",
     .doc = "Tell the server the client's address in X-Forwarded-For."},
    {SECTION_SERVICE, "body_max", CONFIG_SIZE, SERVICE(body_max), .value = "64MiB", .min = 4096, .max = BODY_MAX_LARGEST,
     .doc = "Longest body that is collected for rules; a longer one that a rule has to read is refused."},
    {SECTION_SERVICE, "tls", CONFIG_WORD, SERVICE(tls), .value = "refuse", .words = tls_words,
     .doc = "A database client that asks for TLS in protocol: it is told that there is none, or it gets it and nothing is inspected, with an event."},
    {SECTION_SERVICE, "learn", CONFIG_BOOL, SERVICE(learn), .value = "false",
     .doc = "Note every shape of a statement in the store, by user, database and application: see 'sallyport shapes'."},
    {SECTION_SERVICE, "on_crash", CONFIG_WORD, SERVICE(on_crash), .value = "pass", .words = crash_words,
     .doc = "A connection on which inspection crashed or hung: its bytes pass unread from then on, or it is closed."},
    {SECTION_SERVICE, "fail", CONFIG_WORD, SERVICE(fail), .value = "open", .words = fail_words,
     .doc = "When no worker can be brought up: connections pass unread (open), or are closed and refused (closed)."},
    {SECTION_SERVICE, "budget", CONFIG_NUMBER, SERVICE(budget), .value = "0", .max = BUDGET_LARGEST,
     .doc = "Steps of matching that one message may cost; 0 is no limit."},
    {SECTION_SERVICE, "on_budget", CONFIG_WORD, SERVICE(on_budget), .value = "pass", .words = budget_words,
     .doc = "A message that costs more than its budget: it passes with an event, or is refused."},
    {SECTION_SERVICE, "timeouts", CONFIG_MAP, 0, .inner = SECTION_TIMEOUTS, .doc = "How long to wait, and for what."},

    {SECTION_TIMEOUTS, "header", CONFIG_DURATION, SERVICE(header_ms), .value = "10s", .min = 100, .max = HOUR_MS,
     .doc = "From the first byte of a message to the end of its head; then the client is answered 408."},
    {SECTION_TIMEOUTS, "body", CONFIG_DURATION, SERVICE(body_ms), .value = "30s", .min = 100, .max = HOUR_MS,
     .doc = "A body that is collected for a rule must move in this time; then the client is answered 408."},
    {SECTION_TIMEOUTS, "idle", CONFIG_DURATION, SERVICE(idle_ms), .example = "75s", .min = 100, .max = 24ULL * HOUR_MS,
     .doc = "A connection on which nothing moves for so long is closed: 75s when it speaks http, 8h a database, where nothing is said here."},
    {SECTION_TIMEOUTS, "connect", CONFIG_DURATION, SERVICE(connect_ms), .value = "3s", .min = 10, .max = HOUR_MS,
     .doc = "The server must accept a connection in this time; else the client is answered 504."},

    {SECTION_TOP, "rules", CONFIG_TEXTS, TOP(rules), .example = "[/usr/share/sallyport/patches, /etc/sallyport/rules]", .max = SP_LISTEN_MAX,
     .doc = "Rule files and directories; the installed patches when there are none."},

    {SECTION_TOP, "events", CONFIG_MAPS, TOP(events), .max = SP_OUTPUTS_MAX, .inner = SECTION_EVENT,
     .item = sizeof(struct sp_config_event), .count = TOP(nevents),
     .doc = "Where events go, one JSON line each; none are written when this is empty."},

    {SECTION_EVENT, "to", CONFIG_WORD, EVENT(kind), .required = true, .example = "file", .words = output_words,
     .doc = "Kind of output; files are opened again on SIGHUP, syslog is a unix datagram socket, socket a unix stream."},
    {SECTION_EVENT, "path", CONFIG_TEXT, EVENT(path), .value = "", .example = "/var/log/sallyport/events.json", .max = 4096,
     .doc = "Path of the file or socket; syslog has /dev/log when none is given."},

    {SECTION_TOP, "workers", CONFIG_NUMBER, TOP(workers), .value = "0", .max = SP_WORKERS_MAX,
     .doc = "Processes that serve connections; 0 is one for each processor."},
    {SECTION_TOP, "spin", CONFIG_NUMBER, TOP(spin_us), .value = "0", .max = 1000,
     .doc = "Microseconds for which a worker looks for work before it sleeps: less delay, more CPU."},
    {SECTION_TOP, "limits", CONFIG_MAP, 0, .inner = SECTION_LIMITS, .doc = "Bounds of all workers together."},

    {SECTION_LIMITS, "memory", CONFIG_SIZE, TOP(memory), .value = "1GiB", .min = 16 << 20, .max = MEMORY_LARGEST,
     .doc = "Bytes that all connections together may hold back."},
    {SECTION_LIMITS, "connections", CONFIG_NUMBER, TOP(connections), .value = "65536", .min = 1, .max = 10000000,
     .doc = "Clients that may be connected at the same time."},

    {SECTION_TOP, "survival", CONFIG_BOOL, TOP(survival), .value = "true",
     .doc = "Connections outlive a worker that crashes or hangs: another one goes on with them."},
    {SECTION_TOP, "watchdog", CONFIG_DURATION, TOP(watchdog_ms), .value = "1s", .max = HOUR_MS,
     .doc = "A worker that does not get on for so long is replaced; 0s is never."},
    {SECTION_TOP, "user", CONFIG_TEXT, TOP(user), .value = "sallyport", .min = 1, .max = 32,
     .doc = "User without rights as whom everything that sees traffic runs, when started by root; nobody when there is none of that name."},
    {SECTION_TOP, "runtime", CONFIG_TEXT, TOP(runtime), .value = "", .example = "/run/sallyport/shop", .max = 4096,
     .doc = "Directory for our own sockets; chosen by the first address that is listened on when none is given."},
    {SECTION_TOP, "store", CONFIG_TEXT, TOP(store), .value = "", .example = "/var/lib/sallyport/store.db", .max = 4096,
     .doc = "SQLite file for what is learned, in a directory that `user` may write to; needed where a service learns."},
    {SECTION_TOP, "crashes", CONFIG_TEXT, TOP(crashes), .value = "", .example = "/var/lib/sallyport/crashes", .max = 4096,
     .doc = "Directory in which the bytes that a worker crashed on are kept, for 'sallyport replay'; none are kept when there is none."},
};
const unsigned config_nkeys = sizeof config_keys / sizeof *config_keys;

const char *config_kind_name(enum config_kind kind)
{
    static const char *const names[] = {[CONFIG_TEXT] = "a text",
                                        [CONFIG_NUMBER] = "a number",
                                        [CONFIG_SIZE] = "a size like 64KiB",
                                        [CONFIG_DURATION] = "a duration like 10s",
                                        [CONFIG_BOOL] = "true or false",
                                        [CONFIG_WORD] = "one word",
                                        [CONFIG_TEXTS] = "a list of texts",
                                        [CONFIG_MAP] = "a mapping",
                                        [CONFIG_MAPS] = "a list of mappings"};
    return names[kind];
}
