/* The terminals' memory: what was noted is there after it was opened again. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "emulator/terminals/store.h"
#include "tests/emulator/folder.h"

static struct folder folder;
static struct pos_terminal_store *store;
static const uint8_t tmk[32] = {1, 2, 3}, tpk[32] = {4, 5}, tak[32] = {6}, other_tak[32] = {7};

static void open_store(void)
{
    struct pos_error error = {.text = ""};
    cr_assert_eq(pos_terminal_store_open(folder_file(&folder, "s"), true, &store, &error), POS_OK,
                 "%s", error.text);
}

static void reopen(void)
{
    pos_terminal_store_close(store);
    open_store();
}

static void setup(void)
{
    folder_make(&folder);
    open_store();
}

static void teardown(void)
{
    pos_terminal_store_close(store);
    folder_remove(&folder);
}

TestSuite(terminal_store, .init = setup, .fini = teardown);

static void put(const char *serial, enum pos_terminal_stage stage, uint32_t index,
                const uint8_t *mac_key)
{
    struct pos_terminal terminal;
    pos_terminal_init(&terminal, &pos_dialect_iso87b, serial, "T", "");
    cr_assert_eq(
        pos_terminal_restore(&terminal, stage, index, POS_ALGORITHM_A256, tmk, tpk, mac_key),
        POS_OK);
    cr_expect_eq(pos_terminal_store_put(store, &terminal), POS_OK);
    pos_terminal_fini(&terminal);
}

Test(terminal_store, each_step_of_a_life_is_there_again)
{
    static const enum pos_terminal_stage stages[] = {POS_STAGE_KEYED, POS_STAGE_CONFIRMED,
                                                     POS_STAGE_REGISTERED, POS_STAGE_SIGNED_ON};
    for (size_t i = 0; i < 4; i++) {
        put("123L013K", stages[i], 278, tak);
        reopen();
        const struct pos_store_entry *entry = pos_terminal_store_find(store, "123L013K");
        cr_assert_not_null(entry);
        cr_expect_eq(entry->stage, stages[i]);
        cr_expect_eq(entry->key_index, 278);
        cr_expect_eq(entry->algorithm, POS_ALGORITHM_A256);
        cr_expect_arr_eq(entry->tmk, tmk, 32);
        if (stages[i] == POS_STAGE_SIGNED_ON)
            cr_expect(memcmp(entry->tpk, tpk, 32) == 0 && memcmp(entry->tak, tak, 32) == 0);
    }
    put("123L013K", POS_STAGE_REGISTERED, 278, tak);
    reopen();
    cr_expect_eq(pos_terminal_store_find(store, "123L013K")->stage, POS_STAGE_REGISTERED,
                 "signed off");
    cr_expect_null(pos_terminal_store_find(store, "123L013J"));
}

Test(terminal_store, a_new_working_key_and_a_new_tmk_replace_the_old_ones)
{
    put("123L013K", POS_STAGE_SIGNED_ON, 278, tak);
    put("123L013K", POS_STAGE_SIGNED_ON, 278, other_tak);
    reopen();
    cr_expect_arr_eq(pos_terminal_store_find(store, "123L013K")->tak, other_tak, 32);
    put("123L013K", POS_STAGE_KEYED, 279, tak);
    reopen();
    cr_expect_eq(pos_terminal_store_find(store, "123L013K")->key_index, 279);
    cr_expect_eq(pos_terminal_store_find(store, "123L013K")->stage, POS_STAGE_KEYED);
}

static void put_form(enum pos_algorithm algorithm, enum pos_key_form form, const uint8_t *track_key)
{
    struct pos_terminal terminal;
    pos_terminal_init(&terminal, &pos_dialect_cup, "123L013K", "T", "");
    cr_assert_eq(
        pos_terminal_restore(&terminal, POS_STAGE_SIGNED_ON, 278, algorithm, tmk, tpk, tak),
        POS_OK);
    terminal.form = form;
    memcpy(terminal.tdk, track_key, 16);
    cr_expect_eq(pos_terminal_store_put(store, &terminal), POS_OK);
    pos_terminal_fini(&terminal);
}

Test(terminal_store, the_form_of_working_keys_and_a_track_key_are_there_again)
{
    static const struct {
        enum pos_algorithm algorithm;
        enum pos_key_form form;
        bool tdk;
    } rows[] = {{POS_ALGORITHM_T2, POS_FORM_COUNT, false}, {POS_ALGORITHM_T3, POS_FORM_24, false},
                {POS_ALGORITHM_T2, POS_FORM_40, false},    {POS_ALGORITHM_T3, POS_FORM_60, true},
                {POS_ALGORITHM_SM4, POS_FORM_40, false},   {POS_ALGORITHM_SM4, POS_FORM_60, true}};
    static const uint8_t tdk[16] = {9, 8, 7}, other_tdk[16] = {9, 8, 6}, none[16];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pos_terminal_store_close(store);
        folder_write(&folder, "s/terminals.keys", "", 0600);
        open_store();
        put_form(rows[i].algorithm, rows[i].form, rows[i].tdk ? tdk : none);
        reopen();
        const struct pos_store_entry *entry = pos_terminal_store_find(store, "123L013K");
        cr_assert_not_null(entry);
        cr_expect_eq(entry->form, rows[i].form, "row %zu", i);
        cr_expect_arr_eq(entry->tdk, rows[i].tdk ? tdk : none, 16, "row %zu", i);
        cr_expect_arr_eq(entry->tmk, tmk, pos_algorithm_key_size(rows[i].algorithm));
        if (!rows[i].tdk)
            continue;
        put_form(rows[i].algorithm, rows[i].form, other_tdk);
        reopen();
        entry = pos_terminal_store_find(store, "123L013K");
        cr_expect_arr_eq(entry->tdk, other_tdk, 16, "row %zu: a new one alone", i);
    }
}

Test(terminal_store, another_form_is_a_change_and_the_same_keys_are_none)
{
    static const uint8_t tdk[16] = {9, 8, 7}, none[16];
    put_form(POS_ALGORITHM_T2, POS_FORM_60, tdk);
    char *once = folder_read(&folder, "s/terminals.keys");
    put_form(POS_ALGORITHM_T2, POS_FORM_60, tdk);
    char *twice = folder_read(&folder, "s/terminals.keys");
    cr_expect_str_eq(once, twice);
    free(once);
    free(twice);
    put_form(POS_ALGORITHM_T2, POS_FORM_40, none);
    put_form(POS_ALGORITHM_T2, POS_FORM_24, none);
    reopen();
    cr_expect_eq(pos_terminal_store_find(store, "123L013K")->form, POS_FORM_24);
}

Test(terminal_store, a_form_that_the_key_cannot_have_is_damage)
{
    static const struct {
        const char *algorithm, *behind;
        bool good;
    } rows[] = {{"SM4", "|40", true},
                {"SM4", "|24", false},
                {"SM4", "|60", false}, /* without its TDK */
                {"SM4", "|41", false},
                {"A128", "|40", false},
                {"A128", "", true},
                {"T2", "|24", true},
                {"T2", "|60|000102030405060708090A0B0C0D0E0F", true},
                {"T2", "|40|000102030405060708090A0B0C0D0E0F", false}};
    static const char key[] = "000102030405060708090A0B0C0D0E0F";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        struct pos_error error = {.text = ""};
        pos_terminal_store_close(store);
        (void)snprintf(text, sizeof text,
                       "key|123L013K|00000278|%s|%s\nsigned-on|123L013K|%s|%s%s\n",
                       rows[i].algorithm, key, key, key, rows[i].behind);
        folder_write(&folder, "s/terminals.keys", text, 0600);
        enum pos_status status =
            pos_terminal_store_open(folder_file(&folder, "s"), true, &store, &error);
        cr_expect_eq(status, rows[i].good ? POS_OK : POS_ERR_CORRUPT, "%s%s: %s", rows[i].algorithm,
                     rows[i].behind, error.text);
    }
}

Test(terminal_store, nothing_is_written_when_nothing_changed)
{
    put("123L013K", POS_STAGE_SIGNED_ON, 278, tak);
    char *once = folder_read(&folder, "s/terminals.keys");
    put("123L013K", POS_STAGE_SIGNED_ON, 278, tak);
    char *twice = folder_read(&folder, "s/terminals.keys");
    cr_expect_str_eq(once, twice);
    free(once);
    free(twice);
}

Test(terminal_store, stans_are_reserved_in_runs_and_never_go_back)
{
    for (uint32_t stan = 1; stan <= 250; stan++)
        cr_expect_eq(pos_terminal_store_reserve(store, "123L013K", stan), POS_OK);
    reopen();
    cr_expect_geq(pos_terminal_store_find(store, "123L013K")->stan_reserved, 250);
    char *text = folder_read(&folder, "s/terminals.keys");
    size_t lines = 0;
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    cr_expect_leq(lines, 4);
    free(text);
    cr_expect_eq(pos_terminal_store_reserve(store, "123L013K", 999990), POS_OK);
    cr_expect_eq(pos_terminal_store_reserve(store, "123L013K", 1), POS_OK, "wrapped");
    reopen();
    cr_expect_lt(pos_terminal_store_find(store, "123L013K")->stan_reserved, 1000);
}

Test(terminal_store, a_last_line_that_was_cut_is_dropped_and_a_damaged_one_is_told)
{
    struct pos_error error;
    put("123L013K", POS_STAGE_KEYED, 278, tak);
    pos_terminal_store_close(store);
    char *text = folder_read(&folder, "s/terminals.keys");
    char changed[1024];
    (void)snprintf(changed, sizeof changed, "%skey|123L013J|00000279|A256|00", text);
    folder_write(&folder, "s/terminals.keys", changed, 0600);
    open_store();
    cr_expect_null(pos_terminal_store_find(store, "123L013J"));
    put("123L013J", POS_STAGE_KEYED, 280, tak);
    reopen();
    cr_expect_eq(pos_terminal_store_find(store, "123L013J")->key_index, 280);
    pos_terminal_store_close(store);
    static const char *const damaged[] = {
        "confirmed|123L013K",
        "key|123L013K|278|A256|00",
        "key|lower|1|A256|",
        "gossip|123L013K",
        "stan|123L013K|x",
        "registered|123L013K|more",
        "",
    };
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        (void)snprintf(changed, sizeof changed, "%s\n", damaged[i]);
        folder_write(&folder, "s/terminals.keys", changed, 0600);
        cr_expect_eq(pos_terminal_store_open(folder_file(&folder, "s"), true, &store, &error),
                     POS_ERR_CORRUPT, "%s", damaged[i]);
        cr_expect(strstr(error.text, "line 1") != NULL, "%s: %s", damaged[i], error.text);
    }
    folder_write(&folder, "s/terminals.keys", text, 0600);
    free(text);
    open_store();
}

Test(terminal_store, one_process_at_a_time_and_for_its_owner_alone)
{
    struct pos_terminal_store *second;
    struct pos_error error;
    struct stat facts;
    cr_expect_eq(pos_terminal_store_open(folder_file(&folder, "s"), true, &second, &error),
                 POS_ERR_BUSY);
    cr_expect_eq(pos_terminal_store_open(folder_file(&folder, "none"), false, &second, &error),
                 POS_ERR_NOT_FOUND);
    cr_assert_eq(stat(folder_file(&folder, "s/terminals.keys"), &facts), 0);
    cr_expect_eq(facts.st_mode & 0777, 0600);
}

Test(terminal_store, many_terminals_are_counted_and_an_index_twice_is_found)
{
    struct pos_terminal_store_counts counts;
    char serial[16];
    for (uint32_t i = 1; i <= 3000; i++) {
        (void)snprintf(serial, sizeof serial, "EMU%05u", i);
        put(serial, POS_STAGE_KEYED, i, tak);
    }
    reopen();
    cr_expect_eq(pos_terminal_store_count(store, &counts), POS_OK);
    cr_expect_eq(counts.terminals, 3000);
    cr_expect_eq(counts.by_algorithm[POS_ALGORITHM_A256], 3000);
    cr_expect_eq(counts.by_algorithm[POS_ALGORITHM_T2], 0);
    cr_expect_eq(counts.duplicate_indexes, 0);
    put("EMU99999", POS_STAGE_KEYED, 1234, tak);
    cr_expect_eq(pos_terminal_store_count(store, &counts), POS_OK);
    cr_expect_eq(counts.duplicate_indexes, 1);
}
