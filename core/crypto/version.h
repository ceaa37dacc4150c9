/* Which library does the work, for people: "OpenSSL 3.0.22". Static string. */
#ifndef POS_CRYPTO_VERSION_H
#define POS_CRYPTO_VERSION_H

const char *pos_crypto_version(void);

#endif
