/*
 * Fuzz targets: functions that take any bytes and must neither crash nor break a promise. With
 * clang and POSGATE_FUZZ each becomes a program of libFuzzer's; in every build they replay the
 * inputs kept in corpus/ as an ordinary test.
 *
 * A target keeps no state that could change what a later input does, so every input says the same
 * each time. What must hold and does not is fuzz_must's, which ends the process: a finding.
 */
#ifndef POS_TESTS_FUZZ_H
#define POS_TESTS_FUZZ_H

#include "core/base/bytes.h"
#include "core/wire/dialect.h"

/* One line a target, read by CMakeLists.txt too: it is fuzz_NAME here, program fuzz_NAME, and its
 * inputs are in corpus/NAME. */
#define FUZZ_TARGET_LIST(X)                                                                        \
    X(audit)                                                                                       \
    X(codec_cup)                                                                                   \
    X(codec_iso87a)                                                                                \
    X(codec_iso87b)                                                                                \
    X(codec_iso87x)                                                                                \
    X(configuration)                                                                               \
    X(frame)                                                                                       \
    X(key_block)                                                                                   \
    X(key_block_opened)                                                                            \
    X(key_file)                                                                                    \
    X(key_file_line)                                                                               \
    X(mother)                                                                                      \
    X(pin_block)                                                                                   \
    X(rows)                                                                                        \
    X(sealed_key)                                                                                  \
    X(sealed_secret)                                                                               \
    X(session)                                                                                     \
    X(terminal)                                                                                    \
    X(trace)

#define X(name) void fuzz_##name(const uint8_t *data, size_t size);
FUZZ_TARGET_LIST(X)
#undef X

/* Ends the process with `what` on stderr. */
void fuzz_must(bool good, const char *what);

/* The bytes as a file: its path, good until the next call. */
const char *fuzz_file(struct pos_bytes bytes);

/* One of the dialects, by any number. */
const struct pos_dialect *fuzz_dialect(unsigned number);

#endif
