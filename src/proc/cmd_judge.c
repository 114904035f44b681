/* SPDX-License-Identifier: Apache-2.0 */
/* judge: recorded connections, one JSON line each, through the engine; one verdict a line in the same order. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "proc/cmd.h"
#include "proc/fieldinfo.h"
#include "proc/judge.h"
#include "proc/lines.h"
#include "proc/record.h"
#include "proc/rules.h"
#include "proc/summary.h"

enum {
    RECORD_ARENA = 3 * SP_LINE_MAX, /* both sides decoded, unescaped strings and paths */
    OUTPUT_CAP = 256 << 10,
    OUTPUT_FLUSH = OUTPUT_CAP / 2,  /* a line of output is at most an id of 64 KiB and the rules */
    ID_MAX = 8 << 10,               /* bytes of an id that are written back: escaped at most 6 times longer */
    TABLE_MAX = 4 << 20,
};

static struct {
    const char *protocol;
    struct sp_list rules, files;
    bool summary;
} want;

static const struct sp_option options[] = {
    {.name = "protocol", .letter = 'p', .kind = SP_OPTION_TEXT, .value = "NAME", .to.text = &want.protocol,
     .doc = "Protocol of records that do not name one. Default: http."},
    {.name = "rules", .letter = 'r', .kind = SP_OPTION_LIST, .value = "PATH", .to.list = &want.rules,
     .doc = "Rule file or directory; may be given several times. Default: the installed patches, else ./patches."},
    {.name = "summary", .letter = 's', .kind = SP_OPTION_FLAG, .to.flag = &want.summary,
     .doc = "Instead of a line for each record, print a table per label and class: counts of each verdict, how many were noticed "
            "(any verdict but pass) and stopped (neither pass nor alert)."},
    {0},
};

static const struct sp_example examples[] = {
    {"what would have happened to yesterday's traffic?", "sallyport judge traffic.jsonl | grep -v '\"pass\"'"},
    {"a compressed corpus, as a table", "xz -dc corpus.jsonl.xz | sallyport judge --summary -"},
    {0},
};

struct job {
    const char *name;
    struct sp_lines lines;
    struct sp_arena arena;
    struct sp_judge judge;
    struct sp_summary *summary;
    const struct sp_policy *policy;
    const struct sp_proto *fallback;
    struct sp_buf out;
    bool unjudged; /* some record is of a protocol that we do not have */
};

static int flush(struct sp_buf *out)
{
    struct sp_buf all = *out;
    all.owned = false;
    out->n = 0;
    return sp_print(&all);
}

static void put_finding(const struct job *job, const struct sp_proto *proto, const struct sp_finding *f)
{
    struct sp_buf *out = (struct sp_buf *)&job->out;
    struct sp_rule_info rule;
    if (f->anomaly) {
        sp_put_fmt(out, "%s:%s", proto->name, f->anomaly);
        return;
    }
    sp_policy_rule(job->policy, f->rule, &rule);
    sp_put_json(out, rule.id);
}

static void put_verdict(struct job *job, const struct sp_record *r, const struct sp_proto *proto)
{
    const struct sp_judge *j = &job->judge;
    sp_put_str(&job->out, "{\"id\":\"");
    sp_put_json(&job->out, r->id);
    sp_put_str(&job->out, "\",\"verdict\":\"");
    sp_put_str(&job->out, sp_act_name(j->worst));
    sp_put_str(&job->out, "\",\"rules\":[");
    for (unsigned i = 0; i < j->nfindings; i++) {
        sp_put_str(&job->out, i ? ",\"" : "\"");
        put_finding(job, proto, &j->findings[i]);
        sp_put_byte(&job->out, '"');
    }
    sp_put_str(&job->out, "],\"messages\":");
    sp_put_u64(&job->out, j->messages);
    sp_put_str(&job->out, "}\n");
}

static void put_unjudged(struct job *job, const struct sp_record *r)
{
    sp_put_str(&job->out, "{\"id\":\"");
    sp_put_json(&job->out, r->id);
    sp_put_str(&job->out, "\",\"error\":\"unknown protocol '");
    sp_put_json(&job->out, sp_span_sub(r->protocol, 0, ID_MAX));
    sp_put_str(&job->out, "'\"}\n");
}

/* One complaint for the file; the lines of output name every record. */
static void unknown_protocol(struct job *job, const struct sp_record *r)
{
    if (!job->unjudged)
        sp_complain(SP_EXIT_INPUT, "%s:%llu: unknown protocol '%.*s'; such records are not judged", job->name,
                    (unsigned long long)job->lines.number, SP_FMT(sp_span_sub(r->protocol, 0, 64)));
    job->unjudged = true;
    if (job->summary)
        sp_summary_count(job->summary, r->label, r->cls, SP_SUMMARY_ERROR);
    else
        put_unjudged(job, r);
}

static void judge_record(struct job *job, const struct sp_record *r)
{
    const struct sp_proto *proto = r->protocol.p ? sp_proto_by_name(r->protocol) : job->fallback;
    if (!proto) {
        unknown_protocol(job, r);
        return;
    }
    sp_judge_connection(&job->judge, proto, r->client, r->server);
    if (job->summary)
        sp_summary_count(job->summary, r->label, r->cls, job->judge.worst);
    else
        put_verdict(job, r, proto);
}

static int one_line(struct job *job, struct sp_span line)
{
    struct sp_record r;
    struct sp_record_error wrong;
    if (sp_span_trim(line).n == 0)
        return SP_EXIT_OK;
    sp_arena_reset(&job->arena);
    if (!sp_record_read(line, &job->arena, &r, &wrong))
        return sp_complain(SP_EXIT_INPUT, "%s:%llu:%zu: %s", job->name, (unsigned long long)job->lines.number, wrong.column,
                           wrong.what);
    if (r.id.n > ID_MAX)
        return sp_complain(SP_EXIT_INPUT, "%s:%llu:1: \"id\" is longer than %d bytes", job->name,
                           (unsigned long long)job->lines.number, ID_MAX);
    judge_record(job, &r);
    return job->out.n > OUTPUT_FLUSH ? flush(&job->out) : SP_EXIT_OK;
}

static int every_line(struct job *job)
{
    struct sp_span line;
    int status = SP_EXIT_OK, got = 1;
    while (!status && (got = sp_lines_next(&job->lines, &line)) > 0)
        status = one_line(job, line);
    if (got == -E2BIG)
        status = sp_complain(SP_EXIT_INPUT, "%s:%llu:1: this line is longer than %d MiB", job->name,
                             (unsigned long long)job->lines.number, SP_LINE_MAX >> 20);
    else if (got < 0)
        status = sp_complain(SP_EXIT_RUNTIME, "cannot read %s: %s", job->name, strerror(-got));
    int flushed = flush(&job->out);
    return status ? status : flushed;
}

static int one_file(struct job *job, const char *name)
{
    bool standard = strcmp(name, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sp_complain(SP_EXIT_INPUT, "cannot open %s: %s", name, strerror(errno));
    job->name = standard ? "<stdin>" : name;
    int status = SP_EXIT_RUNTIME;
    if (sp_lines_init(&job->lines, fd))
        sp_complain(status, "out of memory");
    else
        status = every_line(job);
    sp_lines_fini(&job->lines);
    if (!standard)
        close(fd);
    return status;
}

static int print_table(struct job *job)
{
    struct sp_buf table = sp_buf_growing(TABLE_MAX);
    sp_summary_print(job->summary, &table);
    return sp_print(&table);
}

static int every_file(struct job *job)
{
    int status = SP_EXIT_OK;
    for (unsigned i = 0; i < want.files.n && !status; i++)
        status = one_file(job, want.files.item[i]);
    if (job->summary && !status)
        status = print_table(job);
    return !status && job->unjudged ? SP_EXIT_INPUT : status;
}

static int with_rules(const struct sp_rules *rules, const struct sp_proto *fallback)
{
    static uint8_t output[OUTPUT_CAP];
    static struct job job;
    job.out = sp_buf_fixed(output, sizeof output);
    job.policy = rules->policy;
    job.fallback = fallback;
    int err = sp_arena_init(&job.arena, RECORD_ARENA);
    if (err)
        return sp_complain(SP_EXIT_RUNTIME, "out of memory");
    err = sp_judge_init(&job.judge, rules->policy);
    if (!err && want.summary && !(job.summary = sp_summary_new()))
        err = -ENOMEM;
    int status = err ? sp_complain(SP_EXIT_RUNTIME, "cannot start the engine: %s", strerror(-err)) : every_file(&job);
    sp_summary_free(job.summary);
    if (!err)
        sp_judge_fini(&job.judge);
    sp_arena_fini(&job.arena);
    return status;
}

static int run(void)
{
    struct sp_span protocol = sp_span_str(want.protocol ? want.protocol : "http");
    const struct sp_proto *fallback = sp_proto_by_name(protocol);
    if (!fallback)
        return sp_unknown_protocol("judge", protocol);
    struct sp_rules rules;
    int status = sp_rules_load(&want.rules, false, &rules);
    if (status)
        return status;
    status = with_rules(&rules, fallback);
    sp_rules_fini(&rules);
    return status;
}

const struct sp_command sp_cmd_judge = {
    .name = "judge",
    .summary = "judge recorded connections without touching any traffic",
    .operands = "FILE.jsonl...",
    .about =
        "Reads JSON objects, one a line: {\"id\":\"1\",\"protocol\":\"http\",\"client\":\"R0VUIC8uLi4=\"} where client is base64 of what a "
        "client sends on one connection; optional are \"server\" (base64 of what the server sends), \"label\" and \"class\" (for "
        "--summary). \"-\" is standard input.\n"
        "Writes one line each in the same order: {\"id\":\"1\",\"verdict\":\"refuse\",\"rules\":[\"CVE-2021-41773\"],\"messages\":1}. The "
        "verdict is the gravest of the connection's messages: pass, alert, correct, refuse, drop, close. Malformed traffic is refused "
        "and named like a rule, with the protocol in front: \"http:te_and_cl\".\n"
        "It streams: memory depends on the longest line, which may have 64 MiB. A malformed line ends the run with its place and exit "
        "status 2; a record of an unknown protocol is answered with {\"id\",\"error\"} and makes the exit status 2.",
    .options = options,
    .examples = examples,
    .given = &want.files,
    .min_operands = 1,
    .max_operands = SP_LIST_MAX,
    .run = run,
};
