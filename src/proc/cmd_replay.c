/* SPDX-License-Identifier: Apache-2.0 */
/* replay: captures through the engine; events to standard output, a summary to standard error. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/pcap.h"
#include "proc/cmd.h"
#include "proc/fieldinfo.h"
#include "proc/judge.h"
#include "proc/rules.h"

static struct {
    const char *protocol;
    struct sp_list rules, files;
} want;

static const struct sp_option options[] = {
    {.name = "protocol", .letter = 'p', .kind = SP_OPTION_TEXT, .value = "NAME", .to.text = &want.protocol,
     .doc = "Protocol to look for; connections whose first bytes are something else are skipped and counted. Default: http."},
    {.name = "rules", .letter = 'r', .kind = SP_OPTION_LIST, .value = "PATH", .to.list = &want.rules,
     .doc = "Rule file or directory; may be given several times. Default: the installed patches, else ./patches."},
    {0},
};

static const struct sp_example examples[] = {
    {"what would have happened?", "tcpdump -i eth0 -w site.pcap port 80; sallyport replay site.pcap"},
    {"which rules fired, how often?", "sallyport replay site.pcap | jq -r .sallyport.rule | sort | uniq -c"},
    {0},
};

static void print_line(void *ctx, struct sp_span line)
{
    (void)ctx;
    fwrite(line.p, 1, line.n, stdout);
}

static void summarize(const struct sp_replay *r)
{
    const struct sp_replay_counts c = sp_replay_counts(r);
    char line[1024];
    struct sp_buf b = sp_buf_fixed(line, sizeof line - 1);
    sp_put_fmt(&b, "%llu packets, %llu connections judged, %llu of other protocols, %llu without a beginning, %llu ended by a gap; %llu messages:",
               (unsigned long long)c.packets, (unsigned long long)c.connections, (unsigned long long)c.other,
               (unsigned long long)c.unbegun, (unsigned long long)c.gaps, (unsigned long long)c.messages + c.malformed);
    for (int act = SP_PASS; act <= SP_CLOSE; act++)
        if (c.verdicts[act])
            sp_put_fmt(&b, " %llu %s,", (unsigned long long)c.verdicts[act], sp_act_name((enum sp_act)act));
    sp_put_fmt(&b, " %llu malformed", (unsigned long long)c.malformed);
    if (c.fragments || c.cut)
        sp_put_fmt(&b, "; not looked into: %llu IP fragments, %llu packets cut short by the capture", (unsigned long long)c.fragments,
                   (unsigned long long)c.cut);
    fprintf(stderr, "sallyport: %.*s\n", SP_FMT(sp_buf_span(&b)));
}

static int replay(const struct sp_rules *rules, const struct sp_proto *proto)
{
    struct sp_replay *r;
    char error[SP_REPLAY_ERROR];
    int err = sp_replay_new(rules->policy, proto, print_line, NULL, &r);
    if (err)
        return sp_complain(SP_EXIT_RUNTIME, "cannot start the engine: %s", strerror(-err));
    int status = SP_EXIT_OK;
    for (unsigned i = 0; i < want.files.n && !status; i++)
        if (sp_replay_file(r, want.files.item[i], error))
            status = sp_complain(SP_EXIT_INPUT, "%s", error);
    if (fflush(stdout) || ferror(stdout))
        status = sp_complain(SP_EXIT_RUNTIME, "cannot write to standard output: %s", strerror(errno));
    summarize(r);
    sp_replay_free(r);
    return status;
}

static int run(void)
{
    struct sp_span protocol = sp_span_str(want.protocol ? want.protocol : "http");
    const struct sp_proto *proto = sp_proto_by_name(protocol);
    if (!proto)
        return sp_unknown_protocol("replay", protocol);
    struct sp_rules rules;
    int status = sp_rules_load(&want.rules, false, &rules);
    if (status)
        return status;
    status = replay(&rules, proto);
    sp_rules_fini(&rules);
    return status;
}

const struct sp_command sp_cmd_replay = {
    .name = "replay",
    .summary = "judge the connections of a capture",
    .operands = "FILE.pcap...",
    .about = "Puts the TCP connections of a capture (pcap or pcapng) together and runs them through the engine, both directions in the order of "
             "the capture. Events go to standard output, one EVE JSON line each with the time of the capture; a summary goes to standard "
             "error. Overlapping segments: what came first counts. A connection with missing bytes is judged up to the gap. \"-\" is "
             "standard input.\n"
             "A truncated or damaged capture ends the run with one line that names the packet, and exit status 2.",
    .options = options,
    .examples = examples,
    .given = &want.files,
    .min_operands = 1,
    .max_operands = SP_LIST_MAX,
    .run = run,
};
