/* SPDX-License-Identifier: Apache-2.0 */
/* replay: without a fuzzer, runs a target over the inputs stored in directories, each whole and cut short at every place. Speaks TAP. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

enum { CUTS_MAX = 1024 /* cuts of one input: longer ones are cut at evenly spread places */ };

static uint8_t text[FUZZ_INPUT_MAX];
static unsigned count;

static int replay_file(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 1;
    }
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    size_t step = n / CUTS_MAX + 1;
    for (size_t cut = 0; cut < n; cut += step)
        LLVMFuzzerTestOneInput(text, cut);
    LLVMFuzzerTestOneInput(text, n);
    printf("ok %u - %s\n", ++count, name);
    fflush(stdout); /* the last line before a crash tells where */
    return 0;
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct dirent **names;
        int n = scandir(argv[i], &names, visible, alphasort);
        if (n < 0)
            perror(argv[i]);
        failed |= n <= 0;
        for (int k = 0; k < n; k++) {
            failed |= replay_file(argv[i], names[k]->d_name);
            free(names[k]);
        }
        if (n >= 0)
            free(names);
    }
    printf("1..%u\n", count);
    return failed || count == 0;
}
