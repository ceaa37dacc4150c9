/*
 * What a mother POS does with a message, free of sockets and clocks: it takes a key file line by
 * line (921, 922) and hands its keys to terminals one by one (911, 912). Its journal and its
 * security module are given to it.
 *
 * A request is answered at once or is pending: what must be on disk first goes through the
 * journal's committer, and `completed` is called on the committer's thread when it is there.
 * Everything else is for one thread, the loop's.
 */
#ifndef POS_EMULATOR_MOTHER_MOTHER_H
#define POS_EMULATOR_MOTHER_MOTHER_H

#include "core/base/log.h"
#include "core/hsm/hsm.h"
#include "core/store/journal.h"
#include "core/wire/key_file.h"
#include "core/wire/message.h"

/* The load under way, as the journal holds it. */
struct pos_mother_load {
    bool open;
    struct pos_key_file_header header;
    uint32_t line_count; /* lines held */
    uint32_t key_count;  /* K lines among them */
    uint32_t last_index; /* of the last K line; 0 before the first */
    uint16_t header_line_size;
    char header_line[POS_KEY_FILE_LINE_SIZE_MAX]; /* the same header again resumes the load */
};

struct pos_mother {
    char name[POS_KEY_NAME_SIZE_MAX + 1];     /* files must have this destination */
    char ktk_name[POS_KEY_NAME_SIZE_MAX + 1]; /* and be under this KTK */
    struct pos_key ktk;
    struct pos_kcv ktk_kcv;
    bool allow_rekey;                 /* a confirmed serial may have another key */
    struct pos_journal *journal;      /* kept */
    struct pos_hsm_session *session;  /* kept; the loop thread's */
    struct pos_hsm_session *delivery; /* kept; the committer thread's */
    struct pos_mother_load load;
    struct pos_log_limit log_limit; /* for lines that a terminal can cause at will */
    uint64_t answers[POS_KIND_COUNT][POS_RESPONSE_COUNT];
};

/* Picks up the load that was under way when the process ended. Fill in the rest first. */
POS_MUST_USE enum pos_status pos_mother_start(struct pos_mother *mother, struct pos_error *error);

/* One request that waits for the disk; the caller's memory, from begin to finish. */
struct pos_mother_request {
    struct pos_journal_write write;
    struct pos_mother *mother;
    enum pos_status status; /* of the write, once completed */
    bool proved;            /* its MAC verified, so its reply carries one, */
    struct pos_key tmk;     /* under the K_reg of this TMK */
    uint16_t message_size;
    uint8_t message[POS_FRAME_BODY_SIZE_MAX];
    void (*completed)(struct pos_mother_request *request); /* the caller's; committer's thread */
};

enum pos_mother_result {
    POS_MOTHER_ANSWERED, /* the reply frame was appended */
    POS_MOTHER_PENDING,  /* request->completed will be called */
    POS_MOTHER_CLOSE,    /* not even an MTI to answer: close the connection */
};

/* `message` is borrowed for this call. `request` (with `completed` set) may be NULL when there is
 * none to be had: what would have to wait gets a 96. */
enum pos_mother_result pos_mother_begin(struct pos_mother *mother, struct pos_bytes message,
                                        uint64_t utc_ms, struct pos_mother_request *request,
                                        struct pos_buffer *out);

/* Logs how often each message got each code. */
void pos_mother_log_answers(const struct pos_mother *mother);

/* After `completed`, on the loop's thread: appends the reply. */
void pos_mother_finish(struct pos_mother_request *request, uint64_t utc_ms, struct pos_buffer *out);

#endif
