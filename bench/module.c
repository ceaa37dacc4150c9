#include "bench/module.h"

#include <stdio.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/hex.h"
#include "core/base/secret.h"
#include "core/crypto/random.h"

enum { CREDENTIAL_SIZE = 32, KTK_SIZE = 32 };

enum pos_status pos_module_random_component(struct pos_component *component, size_t size)
{
    component->size = (uint8_t)size;
    return pos_random(component->data, size);
}

struct paths {
    char lmk[POS_PATH_SIZE_MAX], credential[POS_PATH_SIZE_MAX];
};

static struct paths paths_in(const char *folder)
{
    struct paths paths;
    (void)snprintf(paths.lmk, sizeof paths.lmk, "%.500s/lmk", folder);
    (void)snprintf(paths.credential, sizeof paths.credential, "%.490s/credential", folder);
    return paths;
}

static enum pos_status make_files(const struct paths *paths, struct pos_error *error)
{
    char text[2 * CREDENTIAL_SIZE + 1];
    struct pos_component components[2], secret;
    struct pos_kcv kcv;
    if (pos_module_random_component(&components[0], 32) != POS_OK ||
        pos_module_random_component(&components[1], 32) != POS_OK ||
        pos_module_random_component(&secret, CREDENTIAL_SIZE) != POS_OK)
        return pos_error_set(error, POS_ERR_CRYPTO, "no random numbers");
    pos_hex_encode(pos_bytes(secret.data, secret.size), text);
    struct pos_bytes phrase = pos_bytes_text(text);
    enum pos_status status = pos_file_write(paths->credential, phrase, 0600, error);
    if (status == POS_OK)
        status = pos_hsm_software_init(paths->lmk, phrase, components, 2, &kcv, error);
    pos_secret_wipe(components, sizeof components);
    return status;
}

static enum pos_status make_ktk(struct pos_module *module, struct pos_error *error)
{
    struct pos_component parts[2];
    struct pos_kcv kcv;
    uint8_t clear[KTK_SIZE];
    if (pos_module_random_component(&parts[0], KTK_SIZE) != POS_OK ||
        pos_module_random_component(&parts[1], KTK_SIZE) != POS_OK)
        return pos_error_set(error, POS_ERR_CRYPTO, "no random numbers");
    for (size_t i = 0; i < sizeof clear; i++)
        clear[i] = parts[0].data[i] ^ parts[1].data[i];
    enum pos_status status = pos_hsm_import_components(
        module->session, POS_USAGE_KTK, POS_ALGORITHM_A256, parts, 2, &module->ktk, &kcv, error);
    if (status == POS_OK)
        status = pos_key_block_protector_create(POS_ALGORITHM_A256, clear, &module->ktk_protector);
    pos_secret_wipe(parts, sizeof parts);
    pos_secret_wipe(clear, sizeof clear);
    return status;
}

enum pos_status pos_module_open(const char *folder, struct pos_module *module,
                                struct pos_error *error)
{
    struct paths paths = paths_in(folder);
    uint8_t *phrase;
    size_t size;
    *module = (struct pos_module){0};
    enum pos_status status =
        pos_file_read_secret(paths.credential, 2 * CREDENTIAL_SIZE, &phrase, &size, error);
    if (status != POS_OK)
        return status;
    status = pos_hsm_software_open(paths.lmk, pos_bytes(phrase, size), &module->hsm, error);
    pos_secret_destroy(phrase, size + 1);
    if (status != POS_OK)
        return status;
    status = pos_hsm_session_open(module->hsm, &module->session);
    return status == POS_OK ? make_ktk(module, error)
                            : pos_error_set(error, status, "no security module session");
}

enum pos_status pos_module_make(const char *folder, struct pos_module *module,
                                struct pos_error *error)
{
    struct paths paths = paths_in(folder);
    *module = (struct pos_module){0};
    enum pos_status status = make_files(&paths, error);
    return status == POS_OK ? pos_module_open(folder, module, error) : status;
}

void pos_module_close(struct pos_module *module)
{
    pos_key_block_protector_destroy(module->ktk_protector);
    if (module->session != NULL)
        pos_hsm_session_close(module->session);
    if (module->hsm != NULL)
        pos_hsm_close(module->hsm);
    *module = (struct pos_module){0};
}

static struct pos_key_block_expectation expect(const char *usage, char mode,
                                               enum pos_algorithm algorithm)
{
    return (struct pos_key_block_expectation){
        .attributes = {.usage = {usage[0], usage[1]},
                       .algorithm = pos_key_block_algorithm_letter(algorithm),
                       .mode = mode},
        .key_algorithm = algorithm,
    };
}

enum pos_status pos_module_learn_tmk(struct pos_module *module, const struct pos_key *tmk,
                                     uint8_t *clear)
{
    char memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    struct pos_key_block_expectation expected = expect("K1", 'B', tmk->algorithm);
    enum pos_status status = pos_hsm_export_tmk(module->session, tmk, &module->ktk, &block);
    return status == POS_OK ? pos_key_block_unwrap(module->ktk_protector, pos_buffer_view(&block),
                                                   &expected, clear, NULL)
                            : status;
}

enum pos_status pos_module_make_tmk(struct pos_module *module, enum pos_algorithm algorithm,
                                    struct pos_key *tmk, struct pos_kcv *kcv, uint8_t *clear)
{
    enum pos_status status = pos_hsm_generate(module->session, POS_USAGE_TMK, algorithm, tmk, kcv);
    return status == POS_OK ? pos_module_learn_tmk(module, tmk, clear) : status;
}

enum pos_status pos_module_learn(struct pos_module *module, const struct pos_key *tmk,
                                 struct pos_key_block_protector *tmk_protector,
                                 const struct pos_key *working, uint8_t *clear)
{
    char memory[POS_KEY_BLOCK_SIZE_MAX];
    struct pos_buffer block = pos_buffer(memory, sizeof memory);
    bool pin = working->usage == POS_USAGE_TPK, cmac = working->algorithm != POS_ALGORITHM_T2;
    struct pos_key_block_expectation expected = expect(pin    ? "P0"
                                                       : cmac ? "M6"
                                                              : "M3",
                                                       pin ? 'E' : 'C', working->algorithm);
    enum pos_status status = pos_hsm_wrap_working_key(module->session, tmk, working, &block);
    return status == POS_OK ? pos_key_block_unwrap(tmk_protector, pos_buffer_view(&block),
                                                   &expected, clear, NULL)
                            : status;
}
