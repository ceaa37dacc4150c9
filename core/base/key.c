#include "core/base/key.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hex.h"

static const struct {
    const char *name;
    size_t key_size;
} algorithms[POS_ALGORITHM_COUNT] = {
    [POS_ALGORITHM_NONE] = {"-", 0},     [POS_ALGORITHM_T2] = {"T2", 16},
    [POS_ALGORITHM_T3] = {"T3", 24},     [POS_ALGORITHM_A128] = {"A128", 16},
    [POS_ALGORITHM_A256] = {"A256", 32}, [POS_ALGORITHM_SM4] = {"SM4", 16},
};

static const char *const usages[POS_USAGE_COUNT] = {"-",   "LMK", "KTK", "TMK", "TPK",
                                                    "TAK", "ZPK", "ZAK", "TDK"};

static const char *const kcv_prefixes[] = {
    [POS_KCV_NONE] = "-", [POS_KCV_ZEROS] = "ZERO:", [POS_KCV_CMAC] = "CMAC:"};

static const char *const forms[POS_FORM_COUNT] = {
    [POS_FORM_60] = "60", [POS_FORM_40] = "40", [POS_FORM_24] = "24"};

enum pos_algorithm pos_algorithm_parse(struct pos_bytes name)
{
    for (int i = POS_ALGORITHM_NONE + 1; i < POS_ALGORITHM_COUNT; i++)
        if (pos_bytes_equal_text(name, algorithms[i].name))
            return (enum pos_algorithm)i;
    return POS_ALGORITHM_NONE;
}

const char *pos_algorithm_name(enum pos_algorithm algorithm)
{
    assert(algorithm < POS_ALGORITHM_COUNT);
    return algorithms[algorithm].name;
}

size_t pos_algorithm_key_size(enum pos_algorithm algorithm)
{
    assert(algorithm < POS_ALGORITHM_COUNT);
    return algorithms[algorithm].key_size;
}

const char *pos_key_usage_name(enum pos_key_usage usage)
{
    assert(usage < POS_USAGE_COUNT);
    return usages[usage];
}

enum pos_algorithm pos_algorithm_working(enum pos_algorithm tmk)
{
    return tmk == POS_ALGORITHM_T3 ? POS_ALGORITHM_T2 : tmk;
}

unsigned pos_algorithm_strength(enum pos_algorithm algorithm)
{
    static const unsigned bits[POS_ALGORITHM_COUNT] = {
        [POS_ALGORITHM_T2] = 80,    [POS_ALGORITHM_T3] = 112,  [POS_ALGORITHM_A128] = 128,
        [POS_ALGORITHM_A256] = 256, [POS_ALGORITHM_SM4] = 128,
    };
    assert(algorithm < POS_ALGORITHM_COUNT);
    return bits[algorithm];
}

enum pos_key_form pos_key_form_parse(struct pos_bytes name)
{
    for (int i = 0; i < POS_FORM_COUNT; i++)
        if (pos_bytes_equal_text(name, forms[i]))
            return (enum pos_key_form)i;
    return POS_FORM_COUNT;
}

const char *pos_key_form_name(enum pos_key_form form)
{
    return (unsigned)form < POS_FORM_COUNT ? forms[form] : NULL;
}

static bool is_tdes(enum pos_algorithm algorithm)
{
    return algorithm == POS_ALGORITHM_T2 || algorithm == POS_ALGORITHM_T3;
}

bool pos_key_form_possible(enum pos_key_form form, enum pos_algorithm tmk)
{
    if (form == POS_FORM_60)
        return true;
    return is_tdes(tmk) || (form == POS_FORM_40 && tmk == POS_ALGORITHM_SM4);
}

bool pos_key_form_has_tdk(enum pos_key_form form, enum pos_algorithm tmk)
{
    return form == POS_FORM_60 && (is_tdes(tmk) || tmk == POS_ALGORITHM_SM4);
}

void pos_kcv_text(const struct pos_kcv *kcv, char *text)
{
    assert(kcv->size <= POS_KCV_SIZE_MAX);
    size_t prefix = strlen(kcv_prefixes[kcv->method]);
    memcpy(text, kcv_prefixes[kcv->method], prefix + 1);
    if (kcv->method != POS_KCV_NONE)
        pos_hex_encode(pos_bytes(kcv->data, kcv->size), text + prefix);
}

enum pos_status pos_kcv_parse(struct pos_bytes text, struct pos_kcv *kcv)
{
    for (int method = POS_KCV_ZEROS; method <= POS_KCV_CMAC; method++) {
        size_t prefix = strlen(kcv_prefixes[method]);
        if (text.size < prefix || memcmp(text.data, kcv_prefixes[method], prefix) != 0)
            continue;
        size_t size = (text.size - prefix) / 2;
        if (size < POS_KCV_SIZE_MIN || size > POS_KCV_SIZE_MAX)
            return POS_ERR_FORMAT;
        *kcv = (struct pos_kcv){.method = (enum pos_kcv_method)method, .size = (uint8_t)size};
        return pos_hex_decode(pos_bytes(text.data + prefix, text.size - prefix), kcv->data, size);
    }
    return POS_ERR_FORMAT;
}

bool pos_kcv_equal(const struct pos_kcv *a, const struct pos_kcv *b)
{
    size_t size = a->size < b->size ? a->size : b->size;
    return a->method != POS_KCV_NONE && a->method == b->method && size >= POS_KCV_SIZE_MIN &&
           memcmp(a->data, b->data, size) == 0;
}

bool pos_key_name_valid(struct pos_bytes name)
{
    if (name.size == 0 || name.size > POS_KEY_NAME_SIZE_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return false;
    }
    return true;
}
