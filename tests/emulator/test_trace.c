/* What a trace shows and what it does not, and which dialect it takes bytes for. */
#include <criterion/criterion.h>
#include <string.h>

#include "emulator/trace/hex_text.h"
#include "emulator/trace/mask.h"
#include "tests/emulator/trace_world.h"

#define PAN   "6212345678900000003"
#define TRACK "6212345678900000003=30121010000"
#define EACH_DIALECT(dialect)                                                                      \
    const struct pos_dialect *dialect;                                                             \
    for (size_t dialect_n = 0; (dialect = pos_dialect_nth(dialect_n)) != NULL; dialect_n++)

static uint8_t memory[65536];
static struct told told;

static void show_frame(const struct pos_dialect *dialect, enum pos_show_form form, uint16_t mti,
                       const struct given *given)
{
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    put_frame(dialect, mti, given, &out);
    told_open(&told, dialect, form);
    struct pos_talk *talk = pos_talk_open(&told.trace, "c:1", "s:2", 2);
    pos_talk_bytes(talk, POS_TALK_CLIENT, pos_buffer_view(&out), 0);
    pos_talk_close(talk, 0);
}

static const struct given sale[] = {
    {2, PAN},
    {3, "000000"},
    {4, "000000001234"},
    {7, "1123090000"},
    {11, "000017"},
    {22, "021"},
    {25, "00"},
    {34, PAN},
    {35, TRACK},
    {36, TRACK},
    {41, "TERM0001"},
    {42, "123456789012345"},
    {44, "for " PAN},
    {45, "B" PAN "^CARDHOLDER"},
    {48, "CVV 987"},
    {49, "978"},
    {52, "pinblock"},
    {53, "0000000000000000"},
    {55, "\x5A\x0A" PAN},
    {59, "A1032"
         "0123456789ABCDEF0123456789ABCDEF"},
    {61, "ref " PAN},
    {62, "123L013K00000278"},
    {102, PAN},
    {104, PAN},
    {120, "track " TRACK},
    {128, "mac here"},
    {0, NULL},
};

Test(trace_show, nothing_secret_of_a_sale_in_any_dialect_or_form)
{
    static const char *const never[] = {"567890000", "5678 9000",        "B621234", "CVV",
                                        "pinblock",  "70696E626C6F636B", "A1032",   "5A0A36",
                                        "track 6",   "3012101"};
    EACH_DIALECT(dialect)
    {
        for (int form = POS_SHOW_FIELDS; form <= POS_SHOW_JSON; form++) {
            show_frame(dialect, (enum pos_show_form)form, 0x0200, sale);
            const char *text = told_text(&told);
            for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
                cr_expect(strstr(text, never[i]) == NULL, "%s shows %s: %s", dialect->name,
                          never[i], text);
            bool brief = form == POS_SHOW_BRIEF;
            cr_expect_eq(told_count(&told, "621234*********0003"), brief ? 0 : 4, "%s %s",
                         dialect->name, text);
            cr_expect_eq(told_count(&told, "123456789012345"), brief ? 0 : 1, "a MID is no PAN");
            cr_expect(strstr(text, "sale") != NULL && strstr(text, "123L013K00000278") != NULL &&
                          strstr(text, "TERM0001") != NULL && strstr(text, "000017") != NULL,
                      "%s %s", dialect->name, text);
            cr_expect_eq(told.trace.wrong, 0);
            told_close(&told);
        }
    }
}

Test(trace_show, field_62_only_where_it_is_an_smn_of_a_request_to_a_gateway)
{
    static const struct {
        uint16_t mti;
        const char *code, *text;
        bool shown;
    } rows[] = {
        {0x0800, "001", "123L013K00000278", true},
        {0x0800, "001", "Sequence No16123L013K00000278", true},
        {0x0800, "901", "0000000000000001", true},
        {0x0800, "001", "123L013K0000027", false},
        {0x0800, "001", "D0144P0AE00N0000", false},
        {0x0810, "001", "123L013K00000278", false},
        {0x0810, "001", "D0144P0AE00N0000D0144M6AC00N0000", false},
        {0x0800, "912", "123L013K00000278", false},
        {0x0800, "911", "123L013K", false},
        {0x0810, "911", "00000278D0144K1AD00N0000", false},
        {0x0800, "921", "K|00000278|D0144K0AN00E0000", false},
        {0x0800, "301", "6212345678900003", false},
        {0x0800, "777", "6212345678900003", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct given given[] = {{11, "000001"}, {41, "T       "},   {62, rows[i].text},
                                      {63, "x"},      {70, rows[i].code}, {0, NULL}};
        show_frame(&pos_dialect_iso87a, POS_SHOW_JSON, rows[i].mti, given);
        cr_expect_eq(strstr(told_text(&told), rows[i].text) != NULL, rows[i].shown, "row %zu: %s",
                     i, told_text(&told));
        told_close(&told);
    }
}

Test(trace_show, a_broken_message_shows_where_and_hides_what_it_may_have_been)
{
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    put_frame(&pos_dialect_iso87a, 0x0200, sale, &out);
    memory[out.size - 3] = 'x'; /* in the MAC, the last field */
    told_open(&told, &pos_dialect_iso87a, POS_SHOW_FIELDS);
    struct pos_talk *talk = pos_talk_open(&told.trace, "", "", 0);
    pos_talk_bytes(talk, POS_TALK_CLIENT, pos_buffer_view(&out), 0);
    pos_talk_close(talk, 0);
    const char *text = told_text(&told);
    char where[64];
    (void)snprintf(where, sizeof where, "WRONG: field 128 at offset %zu: character", out.size - 5);
    cr_expect(strstr(text, where) != NULL, "%s", text);
    cr_expect(strstr(text, "stan=000017") != NULL && strstr(text, "sale") != NULL, "%s", text);
    cr_expect(strstr(text, "621234") == NULL && strstr(text, "123456789012345") == NULL &&
                  strstr(text, "123L013K") == NULL,
              "%s", text);
    cr_expect_eq(told.trace.wrong, 1);
    told_close(&told);
}

Test(trace_show, characters_that_a_terminal_acts_on_come_as_numbers)
{
    static const struct given given[] = {
        {11, "000001"}, {41, "\x9B\x9Bm\x85kkk "}, {60, "00000001301"}, {0, NULL}};
    for (int form = POS_SHOW_FIELDS; form <= POS_SHOW_JSON; form++) {
        show_frame(&pos_dialect_cup, (enum pos_show_form)form, 0x0820, given);
        for (const char *at = told_text(&told); *at != '\0'; at++)
            cr_expect(*at == '\n' || (*at >= 0x20 && *at <= 0x7E), "%02X", (unsigned char)*at);
        cr_expect(strstr(told_text(&told), "x9B") != NULL, "%s", told_text(&told));
        told_close(&told);
    }
}

/* ---- guessing ---- */

Test(trace_guess, each_dialect_is_certain_from_one_message)
{
    EACH_DIALECT(dialect)
    {
        for (int message = 0; message < 3; message++) {
            struct pos_guess guess = {0};
            struct pos_buffer out = pos_buffer(memory, sizeof memory);
            if (message == 2)
                put_frame(dialect, 0x0200, sale, &out);
            else
                put_echo(dialect, message == 1, "000001", &out);
            pos_guess_add(&guess, pos_bytes(memory + 2, out.size - 2), false);
            cr_expect_eq(pos_guess_best(&guess), dialect, "%s %d", dialect->name, message);
            cr_expect_eq(pos_guess_certainty(&guess), POS_GUESS_CERTAIN, "%s %d", dialect->name,
                         message);
        }
    }
}

Test(trace_guess, says_how_sure_it_is_and_why)
{
    struct pos_guess guess = {0};
    char why[POS_GUESS_TEXT_SIZE];
    cr_expect_eq(pos_guess_certainty(&guess), POS_GUESS_NONE);
    pos_guess_add(&guess, pos_bytes("GET / HTTP/1.1\r\n", 16), false);
    cr_expect_eq(pos_guess_certainty(&guess), POS_GUESS_UNSURE);
    pos_guess_explain(&guess, why);
    cr_expect(strstr(why, "decodes 0 of 1") != NULL, "%s", why);

    /* A message that posgate has no name for. */
    static const struct given other[] = {{11, "000001"}, {43, "somewhere"}, {0, NULL}};
    struct given padded[3] = {other[0], {43, "SOMEWHERE                               "}, other[2]};
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    put_frame(&pos_dialect_iso87x, 0x0600, padded, &out);
    guess = (struct pos_guess){0};
    pos_guess_add(&guess, pos_bytes(memory + 2, out.size - 2), false);
    cr_expect_eq(pos_guess_best(&guess), &pos_dialect_iso87x);
    cr_expect_eq(pos_guess_certainty(&guess), POS_GUESS_LIKELY);
    pos_guess_explain(&guess, why);
    cr_expect(strstr(why, "decodes 1 of 1") != NULL &&
                  strstr(why, "iso87a stops at offset 4") != NULL,
              "%s", why);

    /* One more that nobody can read makes it unsure, and the better half still wins. */
    pos_guess_add(&guess, pos_bytes("GET / HTTP/1.1\r\n", 16), false);
    cr_expect_eq(pos_guess_best(&guess), &pos_dialect_iso87x);
    cr_expect_eq(pos_guess_certainty(&guess), POS_GUESS_UNSURE);
}

Test(trace_guess, a_message_that_two_dialects_read_is_a_tie)
{
    /* Bits 7 and 11 only: nothing in it is odd, so iso87b and cup say the same. */
    static const struct given even[] = {{7, "1123090000"}, {11, "000001"}, {0, NULL}};
    struct pos_guess guess = {0};
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    put_frame(&pos_dialect_iso87b, 0x0800, even, &out);
    pos_guess_add(&guess, pos_bytes(memory + 2, out.size - 2), true);
    cr_expect_eq(pos_guess_certainty(&guess), POS_GUESS_TIE);
}

/* ---- hexadecimal ---- */

static enum pos_status read_hex(const char *text, bool bare, struct pos_error *error)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    told_open(&told, &pos_dialect_iso87x, POS_SHOW_BRIEF);
    told.trace.options.bare = bare;
    enum pos_status status = pos_hex_text_read(&told.trace, pos_bytes(NULL, 0), file, error);
    (void)fclose(file);
    return status;
}

#define ECHO_MESSAGE                                                                               \
    "30383030"                                                                                     \
    "8020000000800000"                                                                             \
    "0400000000000000"                                                                             \
    "303030303137"                                                                                 \
    "5445524D30303031"                                                                             \
    "333031"

Test(trace_hex, reads_what_people_paste)
{
    static const struct {
        const char *text;
        bool bare;
        enum pos_status status;
        unsigned messages, wrong;
        const char *says;
    } rows[] = {
        {"0025" ECHO_MESSAGE, false, POS_OK, 1, 0, "0800 echo, 37 bytes stan=000017"},
        {"00 25\n" ECHO_MESSAGE "\n0025" ECHO_MESSAGE "\n", false, POS_OK, 2, 0, "echo"},
        {"# one\r\n00 25 # its length\r\n" ECHO_MESSAGE "\r\n", false, POS_OK, 1, 0, "echo"},
        {ECHO_MESSAGE "\n\n" ECHO_MESSAGE "\n", true, POS_OK, 2, 0, "echo"},
        {"0025" ECHO_MESSAGE "\n\n0025" ECHO_MESSAGE, false, POS_OK, 2, 0, "echo"},
        {"\n\n0000\n0025" ECHO_MESSAGE, false, POS_OK, 1, 0, "keep-alive"},
        {"0025303830", false, POS_OK, 0, 1, "its length says 37, 3 bytes are there; --bare"},
        {"0025303830\n\n0025" ECHO_MESSAGE, false, POS_OK, 1, 1, "echo"},
        {ECHO_MESSAGE, false, POS_OK, 0, 1, "frame-too-long: the length says 12344"},
        {"0005" ECHO_MESSAGE, false, POS_OK, 0, 1, "frame-too-short: the length says 5"},
        {"0026" ECHO_MESSAGE "FF", false, POS_OK, 1, 1, "bytes behind the last field"},
        {"0025" ECHO_MESSAGE "\n\n00251\n\n", false, POS_ERR_FORMAT, 1, 0, "line 4"},
        {"0025" ECHO_MESSAGE "zz", false, POS_ERR_FORMAT, 0, 0, "line 1: byte 7A"},
        {"", false, POS_OK, 0, 0, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pos_error error = {.text = ""};
        if (rows[i].text[0] == '\0')
            continue; /* fmemopen has no empty files */
        cr_expect_eq(read_hex(rows[i].text, rows[i].bare, &error), rows[i].status, "row %zu", i);
        cr_expect_eq(told.trace.messages, rows[i].messages, "row %zu: %s", i, told_text(&told));
        cr_expect_eq(told.trace.wrong, rows[i].wrong, "row %zu: %s", i, told_text(&told));
        cr_expect(strstr(told_text(&told), rows[i].says) != NULL ||
                      strstr(error.text, rows[i].says) != NULL,
                  "row %zu: %s%s", i, told_text(&told), error.text);
        told_close(&told);
    }
}
