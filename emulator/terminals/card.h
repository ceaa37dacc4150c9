/* Values for test transactions. */
#ifndef POS_EMULATOR_TERMINALS_CARD_H
#define POS_EMULATOR_TERMINALS_CARD_H

#include <stdint.h>

enum { POS_CARD_PAN_SIZE = 17, POS_CARD_TIME_SIZE = 11 };

/* A card number of 16 digits from a range no issuer uses, with its Luhn digit. */
void pos_card_pan(uint32_t number, char pan[POS_CARD_PAN_SIZE]);
/* Field 7: MMDDhhmmss, UTC. */
void pos_card_time(uint64_t utc_ms, char time[POS_CARD_TIME_SIZE]);

#endif
