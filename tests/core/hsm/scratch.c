#include "tests/core/hsm/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void must(bool done, const char *what)
{
    if (done)
        return;
    perror(what);
    abort();
}

struct scratch scratch_create(void)
{
    struct scratch scratch = {.folder = "/tmp/posgate-test-hsm-XXXXXX"};
    must(mkdtemp(scratch.folder) != NULL, "mkdtemp");
    (void)snprintf(scratch.path, sizeof scratch.path, "%s/lmk", scratch.folder);
    return scratch;
}

void scratch_destroy(const struct scratch *scratch)
{
    (void)unlink(scratch->path);
    must(rmdir(scratch->folder) == 0, scratch->folder); /* and nothing else was left in it */
}

void scratch_components(struct pos_component components[2], uint8_t size, uint8_t fill)
{
    for (int i = 0; i < 2; i++) {
        components[i].size = size;
        for (uint8_t b = 0; b < POS_KEY_SIZE_MAX; b++)
            components[i].data[b] = (uint8_t)(fill + i * 97 + b * (i + 3));
    }
}

struct pos_hsm *scratch_open(const struct scratch *scratch, uint8_t fill)
{
    struct pos_component components[2];
    struct pos_kcv kcv;
    struct pos_hsm *hsm = NULL;
    struct pos_error error = {0};
    scratch_components(components, 32, fill);
    bool made =
        pos_hsm_software_init(scratch->path, pos_bytes_text("a secret"), components, 2, &kcv,
                              &error) == POS_OK &&
        pos_hsm_software_open(scratch->path, pos_bytes_text("a secret"), &hsm, &error) == POS_OK;
    must(made, error.text);
    return hsm;
}
