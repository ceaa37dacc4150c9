/* A mother POS for tests of the loader: takes lines in order, verifies nothing, misbehaves on
 * demand. A process of its own on a port of its own. */
#ifndef POS_TESTS_KEYMGMT_FAKE_MOTHER_H
#define POS_TESTS_KEYMGMT_FAKE_MOTHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct fake_mother {
    /* before start */
    uint32_t held;        /* lines of the file that it holds already */
    uint32_t drop_before; /* closes the connection, once, when it gets this line; 0: never */
    uint32_t drop_after;  /* takes this line, then closes without an answer, once */
    uint32_t refuse_line; /* answers this line with refuse_code */
    const char *refuse_code;
    uint32_t other_batch; /* load status says that this batch is under way */
    bool silent;          /* reads and never answers */
    bool wrong_stan;      /* answers with another field 11 */
    uint32_t slow_us;     /* before each answer */
    /* after start */
    pid_t pid;
    char address[32];
};

void fake_mother_start(struct fake_mother *mother);
void fake_mother_stop(struct fake_mother *mother);

#endif
