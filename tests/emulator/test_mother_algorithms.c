/* A mother POS with a KTK of each algorithm, and keys of each algorithm under it. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/emulator/room.h"

static const enum pos_algorithm ktks[] = {POS_ALGORITHM_T2, POS_ALGORITHM_T3, POS_ALGORITHM_A128,
                                          POS_ALGORITHM_A256};
static const enum pos_algorithm tmks[] = {POS_ALGORITHM_T2, POS_ALGORITHM_T3, POS_ALGORITHM_A128,
                                          POS_ALGORITHM_A256, POS_ALGORITHM_SM4};

/* A row a KTK, a column a TMK: never a key under a weaker one. */
static const bool allowed[4][5] = {
    {true, false, false, false, false},
    {true, true, false, false, false},
    {true, true, true, false, true},
    {true, true, true, true, true},
};

/* What the terminal was given is what left the key room: its MAC under K_reg is taken. */
static void get_and_confirm(struct room *room, const char *name)
{
    static struct answer answer;
    struct pos_terminal terminal;
    struct pos_verdict verdict;
    pos_terminal_init(&terminal, &pos_dialect_iso87b, "123L013K", "T", "");
    room_exchange(room, &terminal, POS_KIND_KEY_REQUEST, &answer, &verdict);
    cr_expect_eq(verdict.status, POS_OK, "%s: %s", name, verdict.explanation);
    cr_expect_eq(terminal.algorithm, room->tmk_algorithm, "%s", name);
    room_exchange(room, &terminal, POS_KIND_KEY_CONFIRM, &answer, &verdict);
    cr_expect_str_eq(verdict.code, "00", "%s: %s", name, verdict.explanation);
    cr_expect(verdict.mac_verified, "%s", name);
    cr_expect_eq(room_counts(room).issued, 1, "%s", name);
    pos_terminal_fini(&terminal);
}

Test(mother_algorithms, each_key_goes_under_each_KTK_that_is_not_weaker)
{
    static struct key_file file;
    for (size_t k = 0; k < 4; k++) {
        for (size_t t = 0; t < 5; t++) {
            struct room room;
            char name[32];
            (void)snprintf(name, sizeof name, "%s under %s", pos_algorithm_name(tmks[t]),
                           pos_algorithm_name(ktks[k]));
            room_open_of(&room, ktks[k], tmks[t]);
            enum pos_status status = room_try_file(&room, 7, 278, 2, &file);
            cr_expect_eq(status, allowed[k][t] ? POS_OK : POS_ERR_NOT_ALLOWED, "%s", name);
            if (status == POS_OK) {
                cr_expect_str_eq(room_load(&room, &file), "00", "%s", name);
                room_reopen_mother(&room);
                get_and_confirm(&room, name);
            }
            room_close(&room);
        }
    }
}

/* The header of a file says one algorithm; a block that holds a key of another is refused. */
Test(mother_algorithms, a_file_that_says_another_algorithm_is_refused)
{
    static struct key_file file, other;
    for (size_t t = 0; t < 5; t++) {
        struct room room;
        room_open_of(&room, POS_ALGORITHM_A256, tmks[t]);
        room_make_file(&room, 7, 278, 2, &file);
        room.tmk_algorithm = tmks[(t + 1) % 5];
        room_make_file(&room, 7, 278, 2, &other);
        snprintf(file.lines[0], ROOM_LINE_SIZE, "%s", other.lines[0]);
        room_seal_file(&room, &file);
        cr_expect_str_eq(room_load(&room, &file), "63", "%s said to be %s",
                         pos_algorithm_name(tmks[t]), pos_algorithm_name(tmks[(t + 1) % 5]));
        cr_expect_eq(room_counts(&room).free, 0);
        room_close(&room);
    }
}
