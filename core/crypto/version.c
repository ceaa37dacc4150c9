#include "core/crypto/version.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>

static char text[64];
static pthread_once_t text_once = PTHREAD_ONCE_INIT;

/* What runs, which may be newer than what we were compiled against. */
static void make_text(void)
{
    (void)snprintf(text, sizeof text, "OpenSSL %s", OpenSSL_version(OPENSSL_VERSION_STRING));
}

const char *pos_crypto_version(void)
{
    (void)pthread_once(&text_once, make_text);
    return text;
}
