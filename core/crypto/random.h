/* Random bytes from OpenSSL's private generator, drawn many at a time per thread. */
#ifndef POS_CRYPTO_RANDOM_H
#define POS_CRYPTO_RANDOM_H

#include "core/base/bytes.h"

POS_MUST_USE enum pos_status pos_random(void *out, size_t size);

#endif
