#include "tests/emulator/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const component_texts[] = {
    "0F1E2D3C4B5A69788796A5B4C3D2E1F00F1E2D3C4B5A69788796A5B4C3D2E1F0",
    "00112233445566778899AABBCCDDEEFF FFEEDDCCBBAA99887766554433221100\n"};

static void must(enum pos_status status, const char *what)
{
    if (status == POS_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, pos_status_name(status));
    abort();
}

void room_components(const struct folder *folder)
{
    folder_write(folder, "component-1", component_texts[0], 0600);
    folder_write(folder, "component-2", component_texts[1], 0600);
}

/* Of shorter keys. The parts of their sum are not alike, or TDES would be less than it is. */
static const char short_text[] = "02468ACE13579BDFFDB97531ECA864201234567890ABCDEF";

static const char *component_text(const struct room *room, int i, char digits[80])
{
    size_t size = pos_algorithm_key_size(room->ktk_algorithm);
    if (size == POS_KEY_SIZE_MAX)
        return component_texts[i];
    (void)snprintf(digits, 80, "%.*s", (int)(2 * size), i == 0 ? component_texts[0] : short_text);
    return digits;
}

static void hex_component(const char *text, size_t size, struct pos_component *component)
{
    char digits[3] = "";
    component->size = 0;
    while (component->size < size) {
        while (*text == ' ')
            text++;
        memcpy(digits, text, 2);
        component->data[component->size++] = (uint8_t)strtoul(digits, NULL, 16);
        text += 2;
    }
}

static void open_maker(struct room *room)
{
    struct pos_component own[2] = {{.size = 32, .data = {1}}, {.size = 32, .data = {2}}};
    struct pos_component parts[2];
    struct pos_kcv kcv;
    struct pos_error error = {.text = ""};
    const char *path = folder_file(&room->folder, "maker-lmk");
    char text[80];
    for (int i = 0; i < 2; i++)
        hex_component(component_text(room, i, text), pos_algorithm_key_size(room->ktk_algorithm),
                      &parts[i]);
    must(pos_hsm_software_init(path, pos_bytes_text("secret"), own, 2, &kcv, &error), "maker init");
    must(pos_hsm_software_open(path, pos_bytes_text("secret"), &room->hsm, &error), "maker open");
    must(pos_hsm_session_open(room->hsm, &room->session), "maker session");
    must(pos_hsm_import_components(room->session, POS_USAGE_KTK, room->ktk_algorithm, parts, 2,
                                   &room->ktk, &room->ktk_kcv, &error),
         "maker KTK");
}

static void open_mother(struct room *room)
{
    struct pos_error error = {.text = ""};
    const struct pos_mother_access access = {.home = folder_file(&room->folder, "mother")};
    enum pos_status status = pos_mother_home_open(&access, &room->home, &error);
    if (status != POS_OK)
        (void)fprintf(stderr, "%s\n", error.text);
    must(status, "mother open");
}

void room_open(struct room *room)
{
    room_open_of(room, POS_ALGORITHM_A256, POS_ALGORITHM_A256);
}

void room_open_of(struct room *room, enum pos_algorithm ktk, enum pos_algorithm tmk)
{
    struct pos_kcv kcv;
    char text[80];
    struct pos_error error = {.text = ""};
    memset(room, 0, sizeof *room);
    folder_make(&room->folder);
    room->ktk_algorithm = ktk;
    room->tmk_algorithm = tmk;
    folder_write(&room->folder, "component-1", component_text(room, 0, text), 0600);
    folder_write(&room->folder, "component-2", component_text(room, 1, text), 0600);
    open_maker(room);
    char home[160], one[160], two[160];
    (void)snprintf(home, sizeof home, "%s", folder_file(&room->folder, "mother"));
    (void)snprintf(one, sizeof one, "%s", folder_file(&room->folder, "component-1"));
    (void)snprintf(two, sizeof two, "%s", folder_file(&room->folder, "component-2"));
    const struct pos_mother_setup setup = {.home = home,
                                           .name = "MPOS0001",
                                           .ktk_name = "MPOS0001",
                                           .ktk_algorithm = ktk,
                                           .component_paths = {one, two},
                                           .component_count = 2};
    must(pos_mother_home_make(&setup, &kcv, &error), error.text);
    if (!pos_kcv_equal(&kcv, &room->ktk_kcv))
        must(POS_ERR_MISMATCH, "both sides have the same KTK");
    open_mother(room);
}

void room_reopen_mother(struct room *room)
{
    pos_mother_home_close(&room->home);
    open_mother(room);
}

void room_empty_mother(struct room *room)
{
    char command[400];
    pos_mother_home_close(&room->home);
    (void)snprintf(command, sizeof command, "rm -rf %s %s",
                   folder_file(&room->folder, "mother/journal"),
                   folder_file(&room->folder, "mother/journal.anchor"));
    must(system(command) == 0 ? POS_OK : POS_ERR_IO, command);
    open_mother(room);
}

void room_close(struct room *room)
{
    pos_mother_home_close(&room->home);
    pos_hsm_session_close(room->session);
    pos_hsm_close(room->hsm);
    folder_remove(&room->folder);
}

/* ---- key files ---- */

static struct pos_buffer next_line(struct key_file *file)
{
    return pos_buffer(file->lines[file->line_count++], ROOM_LINE_SIZE - 1);
}

static enum pos_status put_key(struct room *room, struct key_file *file, uint32_t index)
{
    struct pos_key tmk;
    char text[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(text, sizeof text);
    struct pos_key_file_key key = {.index = index};
    must(pos_hsm_generate(room->session, POS_USAGE_TMK, room->tmk_algorithm, &tmk, &key.kcv),
         "generate");
    enum pos_status status = pos_hsm_export_tmk(room->session, &tmk, &room->ktk, &block);
    if (status != POS_OK)
        return status;
    key.block = pos_buffer_view(&block);
    struct pos_buffer line = next_line(file);
    pos_key_file_write_key(&key, &line);
    return POS_OK;
}

void room_seal_file(struct room *room, struct key_file *file)
{
    struct pos_trailer trailer = {.count = file->header.count};
    file->line_count = file->header.count + 1;
    must(pos_hsm_file_mac_start(room->session, &room->ktk), "MAC");
    for (size_t i = 0; i < file->line_count; i++) {
        must(pos_hsm_file_mac_add(room->session, pos_bytes_text(file->lines[i])), "MAC");
        must(pos_hsm_file_mac_add(room->session, pos_bytes_text("\n")), "MAC");
    }
    must(pos_hsm_file_mac_finish(room->session, trailer.mac), "MAC");
    memset(file->lines[file->line_count], 0, ROOM_LINE_SIZE);
    struct pos_buffer line = next_line(file);
    pos_trailer_write(&trailer, &line);
}

void room_make_file(struct room *room, uint32_t batch, uint32_t first, uint32_t count,
                    struct key_file *file)
{
    must(room_try_file(room, batch, first, count, file), "export");
}

enum pos_status room_try_file(struct room *room, uint32_t batch, uint32_t first, uint32_t count,
                              struct key_file *file)
{
    enum pos_status status = POS_OK;
    memset(file, 0, sizeof *file);
    file->header = (struct pos_key_file_header){.batch = batch,
                                                .created_utc_ms = 1795424400000,
                                                .algorithm = room->tmk_algorithm,
                                                .ktk = "MPOS0001",
                                                .ktk_kcv = room->ktk_kcv,
                                                .destination = "MPOS0001",
                                                .count = count,
                                                .first = first,
                                                .last = first + count - 1};
    struct pos_buffer line = next_line(file);
    pos_key_file_write_header(&file->header, &line);
    for (uint32_t i = 0; i < count && status == POS_OK; i++)
        status = put_key(room, file, first + i);
    if (status == POS_OK)
        room_seal_file(room, file);
    return status;
}

const char *room_load(struct room *room, const struct key_file *file)
{
    static struct answer answer;
    for (size_t i = 0; i < file->line_count; i++) {
        room_ask(room, POS_KIND_LOAD, file->lines[i], NULL, &answer);
        if (strcmp(answer.code, "00") != 0)
            break;
    }
    return answer.code;
}

/* ---- asking ---- */

struct waiting {
    struct pos_mother_request request;
    sem_t done;
};

static void on_completed(struct pos_mother_request *request)
{
    (void)sem_post(&((struct waiting *)(void *)request)->done);
}

static void copy_field(const struct pos_message *message, unsigned field, char *text, size_t size)
{
    struct pos_bytes value = pos_message_value(message, field, text, size - 1);
    text[value.size] = '\0';
}

static void read_answer(struct answer *answer)
{
    struct pos_message message;
    struct pos_decode_error error;
    must(pos_iso8583_decode(&pos_dialect_iso87b,
                            pos_bytes(answer->frame + 2, answer->frame_size - 2), &message, &error),
         "answer");
    copy_field(&message, 39, answer->code, sizeof answer->code);
    copy_field(&message, 62, answer->field_62, sizeof answer->field_62);
    copy_field(&message, 63, answer->field_63, sizeof answer->field_63);
}

void room_ask_message(struct room *room, struct pos_bytes message, struct answer *answer)
{
    static struct waiting waiting;
    const uint64_t now = 1795424400000;
    struct pos_buffer out = pos_buffer(answer->frame, sizeof answer->frame);
    waiting.request.completed = on_completed;
    (void)sem_init(&waiting.done, 0, 0);
    answer->result = pos_mother_begin(&room->home.mother, message, now, &waiting.request, &out);
    if (answer->result == POS_MOTHER_PENDING) {
        (void)sem_wait(&waiting.done);
        pos_mother_finish(&waiting.request, now, &out);
    }
    (void)sem_destroy(&waiting.done);
    answer->frame_size = out.size;
    answer->code[0] = answer->field_62[0] = answer->field_63[0] = '\0';
    if (out.size > 0)
        read_answer(answer);
}

void room_ask(struct room *room, enum pos_kind kind, const char *field_62, const char *field_63,
              struct answer *answer)
{
    uint8_t memory[POS_FRAME_SIZE_MAX];
    char code[8];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_draft draft;
    struct pos_encoded encoded;
    struct pos_decode_error error;
    (void)snprintf(code, sizeof code, "%03u", pos_kind_rule(kind)->network_code);
    pos_draft_init(&draft, 0x0800);
    pos_draft_set(&draft, 11, pos_bytes_text("000001"));
    pos_draft_set(&draft, 70, pos_bytes_text(code));
    if (pos_kind_rule(kind)->link != POS_LINK_MOTHER)
        pos_draft_set(&draft, 41, pos_bytes_text("T0000001"));
    if (field_62 != NULL)
        pos_draft_set(&draft, 62, pos_bytes_text(field_62));
    if (field_63 != NULL)
        pos_draft_set(&draft, 63, pos_bytes_text(field_63));
    must(pos_iso8583_encode(&pos_dialect_iso87b, &draft, &out, &encoded, &error), "request");
    room_ask_message(room, encoded.bytes, answer);
}

void room_exchange(struct room *room, struct pos_terminal *terminal, enum pos_kind kind,
                   struct answer *answer, struct pos_verdict *verdict)
{
    uint8_t memory[POS_FRAME_SIZE_MAX];
    struct pos_buffer frame = pos_buffer(memory, sizeof memory);
    struct pos_exchange_state state;
    must(pos_terminal_request(terminal, kind, NULL, &frame, &state), "terminal request");
    room_ask_message(room, pos_bytes(memory + 2, frame.size - 2), answer);
    pos_terminal_reply(terminal, &state, pos_bytes(answer->frame, answer->frame_size), verdict);
}

struct pos_journal_counts room_counts(struct room *room)
{
    struct pos_journal_counts counts;
    pos_journal_counts(room->home.journal, &counts);
    return counts;
}
