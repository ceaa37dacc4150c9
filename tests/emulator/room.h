/* A key room: somebody who makes key files, and a mother POS with real journal and module. */
#ifndef TESTS_EMULATOR_ROOM_H
#define TESTS_EMULATOR_ROOM_H

#include <semaphore.h>

#include "core/terminal/terminal.h"
#include "emulator/mother/home.h"
#include "tests/emulator/folder.h"

enum { ROOM_LINE_COUNT_MAX = 32, ROOM_LINE_SIZE = POS_KEY_FILE_LINE_SIZE_MAX + 1 };

struct room {
    struct folder folder;
    enum pos_algorithm ktk_algorithm, tmk_algorithm;
    /* the maker of key files */
    struct pos_hsm *hsm;
    struct pos_hsm_session *session;
    struct pos_key ktk;
    struct pos_kcv ktk_kcv;
    /* the mother POS */
    struct pos_mother_home home;
};

/* A key file as lines, without LF. */
struct key_file {
    struct pos_key_file_header header;
    size_t line_count;
    char lines[ROOM_LINE_COUNT_MAX][ROOM_LINE_SIZE];
};

/* What the mother POS answered. */
struct answer {
    enum pos_mother_result result;
    char code[3];
    char field_62[512], field_63[128];
    size_t frame_size;
    uint8_t frame[POS_FRAME_SIZE_MAX];
};

void room_open(struct room *room); /* both sides; the mother POS is MPOS0001; all keys AES-256 */
void room_open_of(struct room *room, enum pos_algorithm ktk, enum pos_algorithm tmk);
void room_close(struct room *room);
void room_reopen_mother(struct room *room); /* as after a restart */
void room_empty_mother(struct room *room);  /* the same, with a journal that holds nothing */

/* Writes two component files "component-1" and "component-2" of the KTK that all rooms share. */
void room_components(const struct folder *folder);

/* POS_ERR_NOT_ALLOWED: the KTK is weaker than its keys. */
enum pos_status room_try_file(struct room *room, uint32_t batch, uint32_t first, uint32_t count,
                              struct key_file *file);
/* The same where it must go well. */
void room_make_file(struct room *room, uint32_t batch, uint32_t first, uint32_t count,
                    struct key_file *file);
/* The trailer again, over lines that were changed: a file whose MAC is right all the same. */
void room_seal_file(struct room *room, struct key_file *file);
/* Sends all lines in order; returns the first answer that is not a 00, or the last. */
const char *room_load(struct room *room, const struct key_file *file);

/* Gives a frame's message to the mother POS and waits for its answer. */
void room_ask_message(struct room *room, struct pos_bytes message, struct answer *answer);
/* Fields 62 and 63 may be NULL. */
void room_ask(struct room *room, enum pos_kind kind, const char *field_62, const char *field_63,
              struct answer *answer);
/* The terminal asks and judges. */
void room_exchange(struct room *room, struct pos_terminal *terminal, enum pos_kind kind,
                   struct answer *answer, struct pos_verdict *verdict);

struct pos_journal_counts room_counts(struct room *room);

#endif
