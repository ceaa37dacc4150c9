#include "core/hsm/component.h"

#include <string.h>

#include "core/base/secret.h"
#include "core/crypto/kcv.h"
#include "core/hsm/tdes.h"

static const uint8_t zeros[POS_KEY_SIZE_MAX];

/* Two that are alike cancel each other, and one of zeros leaves the key to the other custodians. */
static enum pos_status check_component(const struct pos_component *components, size_t index,
                                       size_t size, struct pos_error *error)
{
    const struct pos_component *component = &components[index];
    if (component->size != size)
        return pos_error_set(error, POS_ERR_USAGE, "component %zu has %u bytes, the key has %zu",
                             index + 1, component->size, size);
    if (pos_secret_equal(component->data, zeros, size))
        return pos_error_set(error, POS_ERR_USAGE, "component %zu is all zeros", index + 1);
    for (size_t before = 0; before < index; before++)
        if (pos_secret_equal(component->data, components[before].data, size))
            return pos_error_set(error, POS_ERR_USAGE,
                                 "components %zu and %zu are the same and cancel each other",
                                 before + 1, index + 1);
    return POS_OK;
}

/* A key must be worth its length: one part of TDES that repeats another makes it a shorter key. */
static enum pos_status check_key(enum pos_algorithm algorithm, const uint8_t *key,
                                 struct pos_error *error)
{
    if (pos_secret_equal(key, zeros, pos_algorithm_key_size(algorithm)))
        return pos_error_set(error, POS_ERR_USAGE,
                             "the components together make a key of all zeros");
    if (pos_tdes_repeats(algorithm, key))
        return pos_error_set(error, POS_ERR_USAGE,
                             "the components together make a TDES key of which one part repeats "
                             "another, which is a weaker key than %s",
                             pos_algorithm_name(algorithm));
    return POS_OK;
}

enum pos_status pos_component_combine(const struct pos_component *components,
                                      size_t component_count, enum pos_algorithm algorithm,
                                      uint8_t *key, struct pos_error *error)
{
    size_t size = pos_algorithm_key_size(algorithm);
    pos_secret_wipe(key, POS_KEY_SIZE_MAX);
    if (component_count < POS_COMPONENT_COUNT_MIN || component_count > POS_COMPONENT_COUNT_MAX)
        return pos_error_set(error, POS_ERR_USAGE, "%zu components, it takes %d to %d",
                             component_count, POS_COMPONENT_COUNT_MIN, POS_COMPONENT_COUNT_MAX);
    enum pos_status status = POS_OK;
    for (size_t i = 0; i < component_count && status == POS_OK; i++) {
        status = check_component(components, i, size, error);
        for (size_t b = 0; b < size && status == POS_OK; b++)
            key[b] ^= components[i].data[b];
    }
    if (status == POS_OK)
        status = check_key(algorithm, key, error);
    if (status != POS_OK)
        pos_secret_wipe(key, POS_KEY_SIZE_MAX);
    return status;
}

enum pos_status pos_component_kcv(const struct pos_component *component,
                                  enum pos_algorithm algorithm, struct pos_kcv *kcv)
{
    *kcv = (struct pos_kcv){0};
    if (algorithm == POS_ALGORITHM_NONE || component->size != pos_algorithm_key_size(algorithm))
        return POS_ERR_USAGE;
    return pos_kcv_compute(algorithm, component->data, kcv);
}
