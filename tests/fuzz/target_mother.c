/*
 * A mother POS from message to reply: its real logic and journal, over a database in memory.
 *
 * An input is a small program whose steps load a key file (one of our own, bent here and there, its
 * trailer's MAC made right or not), ask for keys and confirm them, send any message, and restart.
 * Whatever happens, no key goes to two terminals.
 */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/hex.h"
#include "core/crypto/key_block.h"
#include "core/wire/frame.h"
#include "emulator/mother/mother.h"
#include "tests/fuzz/fuzz.h"

enum {
    INPUT_SIZE_MAX = 2048,
    KEY_COUNT = 3,
    KEY_FIRST = 278,
    LINE_COUNT = KEY_COUNT + 2,
    HOLDER_COUNT = 16, /* keys that this target knows the holder of */
};
static const uint64_t now_ms = 1795424400000;

/* ---- what is made once: a module, the KTK in it, a key file's lines without the trailer ---- */

static struct pos_hsm *hsm;
static struct pos_hsm_session *session, *delivery;
static struct pos_key ktk;
static struct pos_kcv ktk_kcv;
static char lines[LINE_COUNT][POS_KEY_FILE_LINE_SIZE_MAX + 1];

static void open_module(void)
{
    char folder[] = "/tmp/posgate-fuzz-XXXXXX", path[64];
    struct pos_component own[2] = {{.size = 32, .data = {1}}, {.size = 32, .data = {2}}};
    struct pos_component parts[2] = {{.size = 32, .data = {1}}, {.size = 32, .data = {0, 2}}};
    struct pos_kcv kcv;
    struct pos_error error;
    struct pos_bytes secret = pos_bytes_text("a secret");
    fuzz_must(mkdtemp(folder) != NULL, "a folder for the LMK");
    (void)snprintf(path, sizeof path, "%s/lmk", folder);
    fuzz_must(pos_hsm_software_init(path, secret, own, 2, &kcv, &error) == POS_OK &&
                  pos_hsm_software_open(path, secret, &hsm, &error) == POS_OK &&
                  pos_hsm_session_open(hsm, &session) == POS_OK &&
                  pos_hsm_session_open(hsm, &delivery) == POS_OK,
              "a security module");
    (void)unlink(path);
    (void)rmdir(folder);
    fuzz_must(pos_hsm_import_components(session, POS_USAGE_KTK, POS_ALGORITHM_A256, parts, 2, &ktk,
                                        &ktk_kcv, &error) == POS_OK,
              "a KTK");
}

static void make_key_line(uint32_t index, char *line)
{
    struct pos_key tmk;
    char text[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(text, sizeof text);
    struct pos_key_file_key key = {.index = index};
    fuzz_must(pos_hsm_generate(session, POS_USAGE_TMK, POS_ALGORITHM_A256, &tmk, &key.kcv) ==
                      POS_OK &&
                  pos_hsm_export_tmk(session, &tmk, &ktk, &block) == POS_OK,
              "a key for the file");
    key.block = pos_buffer_view(&block);
    struct pos_buffer out = pos_buffer(line, POS_KEY_FILE_LINE_SIZE_MAX);
    pos_key_file_write_key(&key, &out);
}

static void make_lines(void)
{
    struct pos_key_file_header header = {.batch = 7,
                                         .created_utc_ms = now_ms,
                                         .algorithm = POS_ALGORITHM_A256,
                                         .ktk = "MPOS0001",
                                         .ktk_kcv = ktk_kcv,
                                         .destination = "MPOS0001",
                                         .count = KEY_COUNT,
                                         .first = KEY_FIRST,
                                         .last = KEY_FIRST + KEY_COUNT - 1};
    struct pos_buffer out = pos_buffer(lines[0], POS_KEY_FILE_LINE_SIZE_MAX);
    pos_key_file_write_header(&header, &out);
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        make_key_line(KEY_FIRST + i, lines[1 + i]);
}

/* ---- the mother POS ---- */

static struct pos_mother mother;

static void start(void)
{
    struct pos_error error;
    if (hsm == NULL) {
        open_module();
        make_lines();
    }
    mother = (struct pos_mother){.name = "MPOS0001",
                                 .ktk_name = "MPOS0001",
                                 .ktk = ktk,
                                 .ktk_kcv = ktk_kcv,
                                 .session = session,
                                 .delivery = delivery};
    fuzz_must(pos_journal_open("memory", &(struct pos_anchor_options){0}, &mother.journal,
                               &error) == POS_OK,
              "a journal");
    fuzz_must(pos_mother_start(&mother, &error) == POS_OK, "the mother POS starts");
}

struct waiting {
    struct pos_mother_request request;
    sem_t done;
};

static void on_completed(struct pos_mother_request *request)
{
    (void)sem_post(&((struct waiting *)(void *)request)->done);
}

/* ---- who has which key ---- */

static char holders[HOLDER_COUNT][POS_SERIAL_SIZE + 1];

static void note_holder(const char *serial, uint32_t index)
{
    if (index < KEY_FIRST || index >= KEY_FIRST + HOLDER_COUNT)
        return;
    char *holder = holders[index - KEY_FIRST];
    fuzz_must(holder[0] == '\0' || strcmp(holder, serial) == 0, "a key goes to one terminal only");
    memcpy(holder, serial, POS_SERIAL_SIZE);
}

static void check_reply(struct pos_bytes bytes, const struct pos_message *request)
{
    struct pos_message reply;
    struct pos_decode_error error;
    const struct pos_kind_rule *rule = NULL;
    unsigned missing;
    char code[2], serial[POS_SERIAL_SIZE + 1] = "";
    fuzz_must(pos_iso8583_decode(&pos_dialect_iso87b, bytes, &reply, &error) == POS_OK &&
                  pos_message_value(&reply, 39, code, sizeof code).size == 2,
              "a reply can be read and has a code");
    if (memcmp(code, "00", 2) != 0 || request == NULL ||
        pos_message_classify(request, &rule, &missing) != POS_OK ||
        rule->kind != POS_KIND_KEY_REQUEST)
        return;
    struct pos_bytes given = pos_message_raw(&reply, 62), asked = pos_message_raw(request, 62);
    fuzz_must(given.size > 8 && asked.size == POS_SERIAL_SIZE, "an issued key has its index");
    uint32_t index = 0;
    for (size_t i = 0; i < 8; i++)
        index = index * 10 + (uint32_t)(given.data[i] - '0');
    memcpy(serial, asked.data, POS_SERIAL_SIZE);
    note_holder(serial, index);
}

/* Gives a message to the mother POS and looks at what it says. */
static void deliver(struct pos_bytes bytes)
{
    static struct waiting waiting;
    static uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_message request;
    struct pos_decode_error error;
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    bool decodes = pos_iso8583_decode(&pos_dialect_iso87b, bytes, &request, &error) == POS_OK;
    waiting.request.completed = on_completed;
    (void)sem_init(&waiting.done, 0, 0);
    enum pos_mother_result result =
        pos_mother_begin(&mother, bytes, now_ms, &waiting.request, &out);
    if (result == POS_MOTHER_PENDING) {
        while (sem_wait(&waiting.done) != 0) /* the fuzzer's alarm */
            continue;
        pos_mother_finish(&waiting.request, now_ms, &out);
    }
    (void)sem_destroy(&waiting.done);
    fuzz_must((result == POS_MOTHER_CLOSE) == (out.size == 0), "who may be answered is answered");
    if (out.size > 0)
        check_reply(pos_bytes(memory + POS_FRAME_LENGTH_SIZE, out.size - POS_FRAME_LENGTH_SIZE),
                    decodes ? &request : NULL);
}

/* ---- steps ---- */

static struct pos_bytes take_bytes(struct pos_cursor *input)
{
    size_t size = pos_cursor_u16(input);
    size_t left = input->bytes.size - input->offset;
    return pos_cursor_take(input, size < left ? size : left);
}

/* Writes the right MAC over a message's, when it is one of a key that is known here. */
static void put_mac(struct pos_bytes bytes)
{
    struct pos_message message;
    struct pos_decode_error error;
    struct pos_smn smn;
    struct pos_journal_row row;
    struct pos_bytes covered;
    uint8_t mac[POS_MAC_SIZE];
    if (pos_iso8583_decode(&pos_dialect_iso87b, bytes, &message, &error) != POS_OK ||
        pos_message_smn(&message, &smn) != POS_OK ||
        pos_message_mac(&message, &covered, mac) != POS_OK ||
        pos_journal_find(mother.journal, pos_smn_key_index(&smn), &row) != POS_OK)
        return;
    fuzz_must(pos_hsm_make_mac(session, &row.tmk, POS_MAC_REGISTRATION, covered, mac) == POS_OK,
              "a MAC can be made");
    struct pos_encoded encoded = {.mac = (uint8_t *)(uintptr_t)(covered.data + covered.size),
                                  .mac_form = pos_dialect_iso87b.binary};
    pos_encoded_set_mac(&encoded, mac);
}

static void send_message(struct pos_cursor *input, bool mac)
{
    static uint8_t memory[INPUT_SIZE_MAX];
    struct pos_bytes bytes = take_bytes(input);
    if (bytes.size == 0)
        return;
    memcpy(memory, bytes.data, bytes.size);
    if (mac)
        put_mac(pos_bytes(memory, bytes.size));
    deliver(pos_bytes(memory, bytes.size));
}

static void ask(const char *code, struct pos_bytes field_62, struct pos_bytes field_63, bool mac)
{
    static uint8_t memory[POS_FRAME_BODY_SIZE_MAX];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_draft draft;
    struct pos_encoded encoded;
    struct pos_decode_error error;
    pos_draft_init(&draft, 0x0800);
    pos_draft_set(&draft, 11, pos_bytes_text("000001"));
    pos_draft_set(&draft, 41, pos_bytes_text("T0000001"));
    pos_draft_set(&draft, 70, pos_bytes_text(code));
    if (field_62.size > 0)
        pos_draft_set(&draft, 62, field_62);
    if (field_63.size > 0)
        pos_draft_set(&draft, 63, field_63);
    if (mac)
        pos_draft_reserve_mac(&draft);
    if (pos_iso8583_encode(&pos_dialect_iso87b, &draft, &out, &encoded, &error) != POS_OK)
        return; /* not something that a field can hold */
    if (mac) {
        const uint8_t none[POS_MAC_SIZE] = {0};
        pos_encoded_set_mac(&encoded, none);
        put_mac(encoded.bytes);
    }
    deliver(encoded.bytes);
}

/* The trailer of what was sent so far, and so of what the journal holds. */
static bool add_line(void *context, uint32_t number, struct pos_bytes line)
{
    (void)context;
    (void)number;
    return pos_hsm_file_mac_add(session, line) == POS_OK &&
           pos_hsm_file_mac_add(session, pos_bytes("\n", 1)) == POS_OK;
}

static void make_trailer(uint32_t count)
{
    struct pos_trailer trailer = {.count = count};
    struct pos_buffer out = pos_buffer(lines[LINE_COUNT - 1], POS_KEY_FILE_LINE_SIZE_MAX);
    memset(lines[LINE_COUNT - 1], 0, sizeof lines[0]);
    fuzz_must(pos_hsm_file_mac_start(session, &ktk) == POS_OK &&
                  pos_journal_load_walk(mother.journal, add_line, NULL) == POS_OK &&
                  pos_hsm_file_mac_finish(session, trailer.mac) == POS_OK,
              "the file's MAC");
    pos_trailer_write(&trailer, &out);
}

/* A line of the good file, with some of its characters changed. */
static void load_line(unsigned number, struct pos_cursor *input, unsigned bends)
{
    static char line[POS_KEY_FILE_LINE_SIZE_MAX + 1];
    if (number == LINE_COUNT - 1)
        make_trailer(KEY_COUNT);
    memcpy(line, lines[number], sizeof line);
    size_t size = strlen(line);
    for (unsigned i = 0; i < bends; i++) {
        size_t place = pos_cursor_u16(input) % size;
        line[place] = (char)(' ' + pos_cursor_u8(input) % 95);
    }
    ask("921", pos_bytes(line, size), pos_bytes("", 0), false);
}

static void key_request(struct pos_cursor *input)
{
    unsigned who = pos_cursor_u8(input);
    char serial[POS_SERIAL_SIZE + 1], public_key[2 * POS_PUBLIC_KEY_SIZE + 1];
    uint8_t key[POS_PUBLIC_KEY_SIZE] = {9};
    (void)snprintf(serial, sizeof serial, "SERIAL%02u", who % 4);
    key[31] = (uint8_t)(who >> 4);
    key[0] = who & 8 ? 0 : 9; /* a point of small order makes no secret */
    pos_hex_encode(pos_bytes(key, sizeof key), public_key);
    ask("911", pos_bytes_text(serial), pos_bytes_text(public_key), false);
}

static void key_confirm(struct pos_cursor *input, bool mac)
{
    unsigned who = pos_cursor_u8(input);
    char smn[POS_SMN_SIZE + 1];
    (void)snprintf(smn, sizeof smn, "SERIAL%02u%08u", who % 4, KEY_FIRST + (who >> 4) % 4);
    ask("912", pos_bytes_text(smn), pos_bytes("", 0), mac);
}

static void restart(void)
{
    struct pos_error error;
    fuzz_must(pos_mother_start(&mother, &error) == POS_OK, "the mother POS starts again");
}

static void step(struct pos_cursor *input)
{
    unsigned byte = pos_cursor_u8(input);
    switch (byte & 7) {
    case 0:
        send_message(input, (byte & 8) != 0);
        break;
    case 1:
        load_line((byte >> 3) % LINE_COUNT, input, 0);
        break;
    case 2:
        load_line((byte >> 3) % LINE_COUNT, input, 1 + (byte >> 6));
        break;
    case 3:
        key_request(input);
        break;
    case 4:
        key_confirm(input, (byte & 8) != 0);
        break;
    case 5:
        ask("921", take_bytes(input), pos_bytes("", 0), false);
        break;
    case 6:
        restart();
        break;
    default:
        mother.allow_rekey = (byte & 8) != 0;
        ask("922", pos_bytes("", 0), pos_bytes("", 0), false);
        break;
    }
}

void fuzz_mother(const uint8_t *data, size_t size)
{
    if (size > INPUT_SIZE_MAX)
        return;
    struct pos_cursor input = pos_cursor(pos_bytes(data, size));
    memset(holders, 0, sizeof holders);
    start();
    while (!input.failed && input.offset < size)
        step(&input);
    pos_journal_close(mother.journal);
}
