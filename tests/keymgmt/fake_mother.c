#include "tests/keymgmt/fake_mother.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/wire/frame.h"
#include "core/wire/key_file.h"
#include "core/wire/message.h"

enum { LIFE_SECONDS_MAX = 290 };

struct state {
    struct fake_mother want;
    uint32_t batch, count, held; /* of the file under way */
    bool loaded;
    uint32_t dropped; /* line at which it dropped the connection already */
};

static uint32_t number_of_line(const struct state *state, struct pos_bytes line,
                               struct pos_key_file_header *header)
{
    enum pos_key_file_line kind;
    struct pos_key_file_key key;
    if (pos_key_file_line_kind(line, &kind) != POS_OK)
        return 0;
    if (kind == POS_KEY_FILE_HEADER)
        return pos_key_file_read_header(line, header, NULL) == POS_OK ? 1 : 0;
    if (kind == POS_KEY_FILE_TRAILER)
        return state->count + 2;
    return pos_key_file_read_key(line, &key, NULL) == POS_OK ? key.index - header->first + 2 : 0;
}

/* True: answer with `code` and the next line; false: close the connection. */
static bool take_line(struct state *state, struct pos_bytes line, char code[3], char text[64])
{
    static struct pos_key_file_header header;
    uint32_t number = number_of_line(state, line, &header);
    if (number == state->want.drop_before && state->dropped != number && number != 0) {
        state->dropped = number;
        return false;
    }
    const char *answer = "00";
    if (number == 0)
        answer = "30";
    else if (number == state->want.refuse_line)
        answer = state->want.refuse_code;
    else if (number == 1 && state->loaded)
        answer = "63";
    else if (number == 1 && state->count == 0) {
        state->count = header.count;
        state->batch = header.batch;
        state->held = state->want.held > 1 ? state->want.held : 1;
    } else if (number != 1 && number != state->held + 1)
        answer = "77";
    else if (number != 1)
        state->held = number;
    if (number == state->count + 2 && strcmp(answer, "00") == 0)
        state->loaded = true;
    (void)snprintf(code, 3, "%s", answer);
    (void)snprintf(text, 64, "%08u", state->held + 1);
    if (number == state->want.drop_after && state->dropped != number && number != 0) {
        state->dropped = number;
        return false;
    }
    return true;
}

static void say_status(const struct state *state, char code[3], char text[64])
{
    uint32_t batch = state->loaded ? 0 : state->batch;
    if (state->want.other_batch != 0)
        batch = state->want.other_batch;
    (void)snprintf(code, 3, "00");
    (void)snprintf(text, 64, "%08u%08u%08u%08u%08u", batch, state->held,
                   state->loaded ? state->count : 0, 0, 0);
}

static bool answer(struct state *state, int connection, const struct pos_frame *frame)
{
    struct pos_message message;
    struct pos_decode_error wrong;
    const struct pos_kind_rule *rule;
    unsigned missing;
    char line[1024], code[3] = "40", text[64] = "", stan[8];
    if (pos_iso8583_decode(&pos_dialect_iso87b, frame->message, &message, &wrong) != POS_OK ||
        pos_message_classify(&message, &rule, &missing) != POS_OK)
        return false;
    if (rule->kind == POS_KIND_LOAD) {
        if (!take_line(state, pos_message_value(&message, 62, line, sizeof line), code, text))
            return false;
    } else if (rule->kind == POS_KIND_LOAD_STATUS)
        say_status(state, code, text);
    if (state->want.slow_us != 0)
        (void)usleep(state->want.slow_us);
    uint8_t memory[2048];
    struct pos_buffer out = pos_buffer(memory, sizeof memory);
    struct pos_draft draft;
    struct pos_encoded encoded;
    pos_draft_init(&draft, 0x0810);
    (void)snprintf(stan, sizeof stan, "%06u",
                   (unsigned)pos_message_number(&message, 11, 0) + state->want.wrong_stan);
    pos_draft_set(&draft, 11, pos_bytes_text(stan));
    pos_draft_echo(&draft, 70, &message);
    pos_draft_set(&draft, 39, pos_bytes_text(code));
    pos_draft_set(&draft, 62, pos_bytes_text(text));
    /* A keep-alive in front, which the client must swallow. */
    pos_buffer_put_u16(&out, 0);
    size_t start = pos_frame_begin(&pos_dialect_iso87b, NULL, true, &out);
    if (pos_iso8583_encode(&pos_dialect_iso87b, &draft, &out, &encoded, &wrong) != POS_OK ||
        pos_frame_end(&out, start) != POS_OK)
        return false;
    return write(connection, out.data, out.size) == (ssize_t)out.size;
}

static void serve(struct state *state, int connection)
{
    uint8_t stream[POS_FRAME_SIZE_MAX];
    size_t size = 0;
    for (;;) {
        ssize_t got = read(connection, stream + size, sizeof stream - size);
        if (got <= 0)
            return;
        size += (size_t)got;
        struct pos_frame frame;
        size_t consumed;
        const char *reason;
        while (pos_frame_next(&pos_dialect_iso87b, pos_bytes(stream, size), &frame, &consumed,
                              &reason) == POS_FRAME_READY) {
            if (!state->want.silent && !answer(state, connection, &frame))
                return;
            size -= consumed;
            memmove(stream, stream + consumed, size);
        }
    }
}

static void live(const struct fake_mother *want, int listener)
{
    struct state state = {.want = *want};
    (void)alarm(LIFE_SECONDS_MAX);
    (void)signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection < 0)
            continue;
        serve(&state, connection);
        (void)close(connection);
    }
}

void fake_mother_start(struct fake_mother *mother)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(listener, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(listener, 8), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(mother->address, sizeof mother->address, "127.0.0.1:%u",
                   ntohs(address.sin_port));
    mother->pid = fork();
    cr_assert_geq(mother->pid, 0);
    if (mother->pid == 0)
        live(mother, listener);
    (void)close(listener);
}

void fake_mother_stop(struct fake_mother *mother)
{
    (void)kill(mother->pid, SIGKILL);
    (void)waitpid(mother->pid, NULL, 0);
}
