/* Log lines: one a line whatever is in it, levels, masks, and a bound on what strangers can cause.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"

/* What pos_log writes to standard error while `act` runs. */
static const char *said(void (*act)(void))
{
    static char text[8192];
    int ends[2], keep = dup(STDERR_FILENO);
    cr_assert_eq(pipe(ends), 0);
    cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
    act();
    (void)dup2(keep, STDERR_FILENO);
    (void)close(ends[1]);
    (void)close(keep);
    ssize_t got = 0, piece;
    while ((piece = read(ends[0], text + got, sizeof text - 1 - (size_t)got)) > 0)
        got += piece;
    (void)close(ends[0]);
    text[got] = '\0';
    return text;
}

static void plain(void)
{
    pos_log(POS_LOG_WARNING, "listener-open", "address=%s port=%d", "127.0.0.1", 8583);
}

static void nothing(void)
{
    pos_log(POS_LOG_WARNING, "started", "%s", "");
}

static void nasty(void)
{
    pos_log(POS_LOG_ERROR, "bad", "why=\"a\nb \\ c\" next=%s", "x\ry");
}

static void endless(void)
{
    static char text[6000];
    memset(text, '\\', sizeof text - 1);
    pos_log(POS_LOG_ERROR, "long", "a=%s", text);
}

Test(log, a_line_has_time_level_event_and_pairs)
{
    const char *line = said(plain);
    cr_assert_gt(strlen(line), 24);
    cr_expect_eq(line[23], 'Z', "%s", line);
    cr_expect_str_eq(line + 24, " warning listener-open address=127.0.0.1 port=8583\n");
    cr_expect_str_eq(said(nothing) + 24, " warning started\n");
}

Test(log, what_is_below_the_level_is_silent)
{
    pos_log_set_level(POS_LOG_ERROR);
    cr_expect_str_eq(said(plain), "");
    pos_log_set_level(POS_LOG_WARNING);
    cr_expect_str_neq(said(plain), "");
}

Test(log, control_characters_cannot_make_a_second_line)
{
    const char *line = said(nasty);
    cr_expect_eq(strchr(line, '\n'), line + strlen(line) - 1, "%s", line);
    cr_expect_null(strchr(line, '\r'));
}

Test(log, json_lines_are_json_whatever_is_in_them)
{
    void (*const acts[])(void) = {plain, nothing, nasty, endless};
    pos_log_set_json(true);
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        const char *line = said(acts[i]);
        json_t *read = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        cr_expect_not_null(read, "%s", line);
        cr_expect_not_null(json_string_value(json_object_get(read, "event")), "%s", line);
        json_decref(read);
    }
    json_t *read = json_loads(said(plain), 0, NULL);
    cr_expect_str_eq(json_string_value(json_object_get(read, "port")), "8583");
    cr_expect_str_eq(json_string_value(json_object_get(read, "level")), "warning");
    json_decref(read);
}

Test(log, strangers_get_few_lines_a_second)
{
    struct pos_log_limit limit = {.second = 0};
    uint32_t suppressed = 99, allowed = 0;
    for (int i = 0; i < 10; i++)
        allowed += pos_log_allow(&limit, 3, 5999, &suppressed);
    cr_expect_eq(allowed, 3);
    cr_expect_eq(suppressed, 0);
    cr_expect(pos_log_allow(&limit, 3, 6000, &suppressed));
    cr_expect_eq(suppressed, 7, "the next line says how many were left out");
    cr_expect(pos_log_allow(&limit, 3, 6001, &suppressed));
    cr_expect_eq(suppressed, 0);
}

Test(log, card_numbers_show_first_six_and_last_four)
{
    static const struct {
        const char *pan, *masked;
    } rows[] = {
        {"4111111111111111", "411111******1111"},
        {"4111111111111", "411111***1111"},
        {"411111111111", "************"},
        {"1234567890123456789", "123456*********6789"},
        {"12345678901234567890123", "123456*********6789"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char masked[POS_LOG_PAN_SIZE];
        pos_log_pan(rows[i].pan, masked);
        cr_expect_str_eq(masked, rows[i].masked);
    }
}

Test(log, levels_have_names)
{
    cr_expect_eq(pos_log_level_parse("debug"), POS_LOG_DEBUG);
    cr_expect_eq(pos_log_level_parse("error"), POS_LOG_ERROR);
    cr_expect_eq(pos_log_level_parse("Error"), -1);
    cr_expect_eq(pos_log_level_parse(""), -1);
}
