/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokens: what our lexer makes of statements for MariaDB: they come from stdin, each ended by a NUL; a line on stdout for each. Its tokens have a blank
 * between them: W and a word, N and a quoted name, V and a variable, L for a literal, P and punctuation, B for what is none. Blanks, backslashes and control
 * characters in them are octal.
 * Usage: tokens VERSION [ansi-quotes | no-backslash-escapes]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lang/sql.h"

enum { STATEMENT_MAX = 1 << 20, ARENA_MAX = 4 << 20 };

static void say(char kind, struct sp_span text)
{
    printf(" %c", kind);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] > ' ' && text.p[i] != '\\')
            putchar(text.p[i]);
        else
            printf("\\%03o", text.p[i]);
}

static void token(const struct sp_sql *s, const struct sp_sql_token *t, struct sp_arena *a)
{
    static const char letters[] = {[SP_SQL_WORD] = 'W', [SP_SQL_NAME] = 'N', [SP_SQL_STRING] = 'L', [SP_SQL_NUMBER] = 'L', [SP_SQL_PARAMETER] = 'L',
                                   [SP_SQL_VARIABLE] = 'V', [SP_SQL_OPERATOR] = 'P', [SP_SQL_PUNCTUATION] = 'P', [SP_SQL_BROKEN] = 'B'};
    char letter = letters[t->kind];
    say(letter, letter == 'L' ? (struct sp_span){NULL, 0} : sp_sql_text(s, t, a));
}

static struct sp_sql_mode mode_of(int argc, char **argv)
{
    struct sp_sql_mode mode = {.dialect = SP_SQL_MYSQL, .flags = SP_SQL_MARIADB, .version = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0};
    if (argc > 2)
        mode.flags |= strcmp(argv[2], "ansi-quotes") == 0 ? SP_SQL_ANSI_QUOTES : SP_SQL_NO_BACKSLASH_ESCAPES;
    return mode;
}

int main(int argc, char **argv)
{
    static struct sp_arena arena;
    struct sp_sql_mode mode = mode_of(argc, argv);
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    if (sp_arena_init(&arena, ARENA_MAX) < 0)
        return 1;
    while ((n = getdelim(&line, &room, 0, stdin)) > 0 && n <= STATEMENT_MAX) {
        struct sp_sql s;
        struct sp_sql_token t;
        sp_arena_reset(&arena);
        sp_sql_start(&s, sp_span_of(line, (size_t)n - 1), mode);
        while (sp_sql_next(&s, &t))
            token(&s, &t, &arena);
        putchar('\n');
    }
    free(line);
    return 0;
}
