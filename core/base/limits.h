/*
 * Every bound in one place. Each has a tested behaviour when it is reached.
 * What an operator may lower or raise is in the configuration; these are the ceilings.
 */
#ifndef POS_BASE_LIMITS_H
#define POS_BASE_LIMITS_H

#include "core/base/key.h"
#include "core/base/smn.h"

enum {
    /* wire */
    POS_FRAME_LENGTH_SIZE = 2,      /* bytes in front of a body */
    POS_FRAME_BODY_SIZE_MAX = 4096, /* bytes: TPDU, header and message */
    POS_FRAME_SIZE_MAX = POS_FRAME_LENGTH_SIZE + POS_FRAME_BODY_SIZE_MAX,
    POS_TPDU_SIZE = 5,
    POS_HEADER_SIZE = 6,
    POS_FIELD_COUNT = 128,
    POS_MAC_SIZE = 8, /* bytes in field 64 or 128 */

    /* net */
    POS_READ_BUFFER_SIZE = 65536,      /* one per loop, shared by its connections */
    POS_WRITE_QUEUE_SIZE_MAX = 262144, /* bytes a connection may owe its peer before it is cut */
    POS_CONNECTION_COUNT_MAX = 20000,  /* per process */
    POS_LOOP_COUNT_MAX = 64,
    POS_LISTENER_COUNT_MAX = 16,

    /* gateway */
    POS_TURN_REQUEST_COUNT_MAX = 256,      /* requests looked up together, per loop turn */
    POS_PENDING_COUNT_MAX = 16384,         /* requests waiting for disk or host, per loop */
    POS_PIPELINE_COUNT_MAX = 1024,         /* unanswered requests of one connection */
    POS_CLERK_QUEUE_COUNT_MAX = 8192,      /* key library look-ups waiting */
    POS_READER_QUEUE_COUNT_MAX = 8192,     /* look-ups waiting for the disk */
    POS_READER_THREAD_COUNT_MAX = 64,      /* threads that wait for it */
    POS_UPSTREAM_WINDOW_MAX = 8192,        /* requests under way to one host connection */
    POS_STRONGROOM_QUEUE_COUNT_MAX = 8192, /* jobs waiting for the security module */
    POS_STRONGROOM_THREAD_COUNT_MAX = 64,  /* threads that wait for it */
    POS_KEY_CONTEXT_COUNT_MAX = 4096,      /* keyed contexts cached per loop */

    /* store */
    POS_COMMIT_QUEUE_COUNT_MAX = 65536, /* writes waiting for the committer */
    POS_COMMIT_BATCH_COUNT_MAX = 1024,  /* writes in one batch and one sync */
    POS_HOT_ROW_SIZE_MAX = 160,         /* bytes */
    POS_ROW_SIZE_MAX = 1024,            /* bytes of any other row */
    POS_AUDIT_RECORD_SIZE_MAX = 1024,

    /* keys */
    POS_COMPONENT_COUNT_MIN = 2,
    POS_COMPONENT_COUNT_MAX = 9,
    POS_KEY_BLOCK_SIZE_MAX = 512,        /* characters */
    POS_PROTECTOR_COUNT_MAX = 16,        /* block-protection keys cached per session */
    POS_KEY_FILE_LINE_SIZE_MAX = 600,    /* characters, without LF */
    POS_KEY_FILE_COUNT_MAX = 1000000,    /* keys in one file */
    POS_GENERATE_COUNT_MAX = 10000000,   /* keys in one command */
    POS_MOTHER_BURN_COUNT_MAX = 3,       /* indexes burned for one serial before 94 */
    POS_RETURN_FILE_COUNT_MAX = 5000000, /* keys that one mother POS can give account of */

    /* configuration */
    POS_CONFIG_FILE_SIZE_MAX = 1048576, /* bytes */
    POS_PATH_SIZE_MAX = 512,            /* bytes with NUL */
    POS_ADDRESS_SIZE_MAX = 64,          /* bytes with NUL: an address and port in text */
};

_Static_assert(POS_READ_BUFFER_SIZE >= 2 * POS_FRAME_SIZE_MAX,
               "a partial frame and a whole one fit the read buffer");
_Static_assert(POS_WRITE_QUEUE_SIZE_MAX >= 16 * POS_FRAME_SIZE_MAX,
               "a pipelining peer is not cut for reading a little late");
_Static_assert(POS_KEY_BLOCK_SIZE_MAX + 64 <= POS_KEY_FILE_LINE_SIZE_MAX,
               "a key block and its index and KCV fit a key file line");
_Static_assert(POS_COMMIT_QUEUE_COUNT_MAX >= POS_PENDING_COUNT_MAX,
               "one loop alone cannot fill the commit queue");

#endif
