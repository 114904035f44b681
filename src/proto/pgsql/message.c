/* SPDX-License-Identifier: Apache-2.0 */
/* message: the messages that the protocol has, with the bounds that the server sets on their lengths. "Message Formats". */
#include "proto/pgsql/pgsql.h"

#define BIT(id) (UINT64_C(1) << SP_PGSQL_##id)
#define STATEMENT_FIELDS                                                                                               \
    (BIT(QUERY) | BIT(KIND) | BIT(COUNT) | BIT(TABLES) | BIT(COLUMNS) | BIT(FUNCTIONS) | BIT(LITERALS) | BIT(COMMENTS) | \
     BIT(SHAPE) | BIT(SHAPE_TEXT) | BIT(KEY) | BIT(UNIONS) | BIT(TAUTOLOGY) | BIT(LIMIT))
#define PARAMETER_FIELDS (BIT(PARAMETERS) | BIT(PARAMETERS_COUNT) | BIT(PARAMETERS_BINARY) | BIT(PARAMETERS_NULLS))
/* What is said of the session makes those messages a matter of judgement that bring a statement: the others only carry it out. */
#define CONTEXT_FIELDS                                                                                                 \
    (((UINT64_C(1) << SP_SESSION_NFIELDS) - 1) | BIT(USER) | BIT(DATABASE) | BIT(APPLICATION) | BIT(REPLICATION) | BIT(TRANSACTION))
#define ERROR_FIELDS (BIT(ERROR_SEVERITY) | BIT(ERROR_CODE) | BIT(ERROR_MESSAGE) | BIT(ERROR_DETAIL) | BIT(ERROR_HINT))
#define NOTICE_FIELDS (BIT(NOTICE_SEVERITY) | BIT(NOTICE_CODE) | BIT(NOTICE_MESSAGE))

_Static_assert((int)SP_PGSQL_NFIELDS <= 64, "a message's fields are bits of the first word");

/* Row 0 is no message. */
const struct pgsql_type pgsql_types[] = {
    {0},
    {'Q', SP_C2S, false, true, 5, LARGE_MAX, STATEMENT_FIELDS | CONTEXT_FIELDS, "Query"},
    {'P', SP_C2S, false, true, 8, LARGE_MAX, STATEMENT_FIELDS | CONTEXT_FIELDS | BIT(STATEMENT), "Parse"},
    {'B', SP_C2S, false, true, 12, LARGE_MAX, PARAMETER_FIELDS | BIT(STATEMENT) | BIT(PORTAL), "Bind"},
    {'F', SP_C2S, false, true, 14, LARGE_MAX, PARAMETER_FIELDS | CONTEXT_FIELDS | BIT(FUNCTION), "FunctionCall"},
    {'C', SP_C2S, false, false, 6, SMALL_MAX, BIT(STATEMENT) | BIT(PORTAL), "Close"},
    {'D', SP_C2S, false, false, 6, SMALL_MAX, BIT(STATEMENT) | BIT(PORTAL), "Describe"},
    {'E', SP_C2S, false, true, 9, SMALL_MAX, BIT(PORTAL) | BIT(ROWS_MAX), "Execute"},
    {'H', SP_C2S, false, false, 4, 4, 0, "Flush"},
    {'S', SP_C2S, false, true, 4, 4, 0, "Sync"},
    {'X', SP_C2S, false, false, 4, 4, 0, "Terminate"},
    {'d', SP_C2S, false, false, 4, LARGE_MAX, BIT(COPY_DATA), "CopyData"},
    {'c', SP_C2S, false, false, 4, 4, 0, "CopyDone"},
    {'f', SP_C2S, false, false, 5, SMALL_MAX, BIT(COPY_REASON), "CopyFail"},
    {'p', SP_C2S, false, false, 4, AUTH_MAX, 0, "PasswordMessage"},
    {'R', SP_S2C, false, false, 8, AUTH_MAX, 0, "Authentication"},
    {'K', SP_S2C, false, false, 8, CANCEL_MAX, 0, "BackendKeyData"},
    {'v', SP_S2C, false, false, 12, AUTH_MAX, 0, "NegotiateProtocolVersion"},
    {'S', SP_S2C, false, false, 6, LARGE_MAX, BIT(STATUS), "ParameterStatus"},
    {'Z', SP_S2C, false, true, 5, 5, 0, "ReadyForQuery"},
    {'E', SP_S2C, true, false, 5, LARGE_MAX, ERROR_FIELDS, "ErrorResponse"},
    {'N', SP_S2C, false, false, 5, LARGE_MAX, NOTICE_FIELDS, "NoticeResponse"},
    {'A', SP_S2C, false, false, 10, LARGE_MAX, BIT(CHANNEL) | BIT(PAYLOAD), "NotificationResponse"},
    {'1', SP_S2C, false, false, 4, 4, 0, "ParseComplete"},
    {'2', SP_S2C, false, false, 4, 4, 0, "BindComplete"},
    {'3', SP_S2C, false, false, 4, 4, 0, "CloseComplete"},
    {'C', SP_S2C, false, false, 5, LARGE_MAX, BIT(TAG), "CommandComplete"},
    {'D', SP_S2C, false, false, 6, LARGE_MAX, BIT(ROW), "DataRow"},
    {'T', SP_S2C, false, false, 6, LARGE_MAX, BIT(RESULT_COLUMNS), "RowDescription"},
    {'t', SP_S2C, false, false, 6, LARGE_MAX, 0, "ParameterDescription"},
    {'n', SP_S2C, false, false, 4, 4, 0, "NoData"},
    {'I', SP_S2C, false, false, 4, 4, 0, "EmptyQueryResponse"},
    {'s', SP_S2C, false, false, 4, 4, 0, "PortalSuspended"},
    {'V', SP_S2C, false, false, 8, LARGE_MAX, 0, "FunctionCallResponse"},
    {'G', SP_S2C, false, true, 7, LARGE_MAX, BIT(COPY_FORMAT), "CopyInResponse"},
    {'H', SP_S2C, false, false, 7, LARGE_MAX, BIT(COPY_FORMAT), "CopyOutResponse"},
    {'W', SP_S2C, false, false, 7, LARGE_MAX, BIT(COPY_FORMAT), "CopyBothResponse"},
    {'d', SP_S2C, false, false, 4, LARGE_MAX, BIT(COPY_OUT), "CopyData"},
    {'c', SP_S2C, false, false, 4, 4, 0, "CopyDone"},
};

const uint8_t pgsql_rows[2][LETTERS] = {
    [SP_C2S] = {['Q'] = 1, ['P'] = 2, ['B'] = 3, ['F'] = 4, ['C'] = 5, ['D'] = 6, ['E'] = 7, ['H'] = 8, ['S'] = 9, ['X'] = 10, ['d'] = 11,
                ['c'] = 12, ['f'] = 13, ['p'] = 14},
    [SP_S2C] = {['R'] = 15, ['K'] = 16, ['v'] = 17, ['S'] = 18, ['Z'] = 19, ['E'] = 20, ['N'] = 21, ['A'] = 22, ['1'] = 23, ['2'] = 24,
                ['3'] = 25, ['C'] = 26, ['D'] = 27, ['T'] = 28, ['t'] = 29, ['n'] = 30, ['I'] = 31, ['s'] = 32, ['V'] = 33, ['G'] = 34,
                ['H'] = 35, ['W'] = 36, ['d'] = 37, ['c'] = 38},
};

_Static_assert(sizeof pgsql_types / sizeof *pgsql_types == 39, "the rows that the letters name");

uint32_t pgsql_u32(struct sp_span in, size_t at)
{
    struct sp_cur c = sp_cur_of(sp_span_sub(in, at, 4));
    return sp_cur_u32be(&c);
}

static uint64_t note_sent(uint64_t note, uint8_t tag)
{
    switch (tag) {
    case 'Q':
    case 'F':
        return ((note & ~NOTE_BATCH) | NOTE_BATCH_ENDS | NOTE_SIMPLE) + 1;
    case 'S':
        return ((note & ~(NOTE_BATCH | NOTE_SIMPLE)) | NOTE_BATCH_ENDS) + 1;
    case 'P':
    case 'B':
    case 'E':
        return note | NOTE_BATCH;
    default:
        return note;
    }
}

uint64_t pgsql_note(uint64_t note, const struct pgsql_type *t, uint8_t status)
{
    if (t->dir == SP_C2S)
        return note_sent(note, t->tag);
    if (t->tag == 'Z')
        return (note & ~(UINT64_C(0xff) << NOTE_STATUS_SHIFT)) + 1 + ((uint64_t)status << NOTE_STATUS_SHIFT);
    return t->tag == 'G' ? (note & ~(uint64_t)NOTE_COUNT) | NOTE_COPY : note;
}
