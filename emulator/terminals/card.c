#include "emulator/terminals/card.h"

#include <stdio.h>

#include "core/base/clock.h"

/* ISO/IEC 7812-1 annex B: every second digit from the right, the check digit not counted, doubled.
 */
static char luhn(const char *digits, int count)
{
    int sum = 0;
    for (int i = 0; i < count; i++) {
        int digit = digits[count - 1 - i] - '0';
        if (i % 2 == 0)
            digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    return (char)('0' + (10 - sum % 10) % 10);
}

void pos_card_pan(uint32_t number, char pan[POS_CARD_PAN_SIZE])
{
    (void)snprintf(pan, POS_CARD_PAN_SIZE, "999901%09u", (unsigned)(number % 1000000000u));
    pan[15] = luhn(pan, 15);
    pan[16] = '\0';
}

void pos_card_time(uint64_t utc_ms, char time[POS_CARD_TIME_SIZE])
{
    struct pos_time t = pos_time_utc(utc_ms);
    (void)snprintf(time, POS_CARD_TIME_SIZE, "%02u%02u%02u%02u%02u", (unsigned)t.month % 100u,
                   (unsigned)t.day % 100u, (unsigned)t.hour % 100u, (unsigned)t.minute % 100u,
                   (unsigned)t.second % 100u);
}
