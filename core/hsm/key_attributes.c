#include "core/hsm/key_attributes.h"

/* X9.143 names KTK and TMK both key-encryption keys, and the zone's keys as the terminal's; what
 * is not to be exported tells the latter apart. */
static const struct pos_key_block_attributes at_rest[POS_USAGE_COUNT] = {
    [POS_USAGE_KTK] = {"K0", 0, 'B', "00", 'N'}, [POS_USAGE_TMK] = {"K1", 0, 'B', "00", 'E'},
    [POS_USAGE_TPK] = {"P0", 0, 'B', "00", 'E'}, [POS_USAGE_TAK] = {"M6", 0, 'C', "00", 'E'},
    [POS_USAGE_ZPK] = {"P0", 0, 'B', "00", 'N'}, [POS_USAGE_ZAK] = {"M6", 0, 'C', "00", 'N'},
    [POS_USAGE_TDK] = {"D0", 0, 'B', "00", 'E'},
};

struct pos_key_block_attributes pos_key_attributes(enum pos_key_usage usage,
                                                   enum pos_algorithm algorithm)
{
    struct pos_key_block_attributes attributes = at_rest[usage];
    attributes.algorithm = pos_key_block_algorithm_letter(algorithm);
    if (attributes.usage[0] == 'M' && algorithm == POS_ALGORITHM_T2)
        attributes.usage[1] = '3'; /* ISO 9797-1 algorithm 3; M6 is CMAC */
    return attributes;
}
