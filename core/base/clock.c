#include "core/base/clock.h"

#include <stdio.h>
#include <time.h>

uint64_t pos_clock_monotonic_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t pos_clock_utc_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static struct pos_time broken_down(const struct tm *parts, uint64_t utc_ms)
{
    return (struct pos_time){
        .year = parts->tm_year + 1900,
        .month = parts->tm_mon + 1,
        .day = parts->tm_mday,
        .hour = parts->tm_hour,
        .minute = parts->tm_min,
        .second = parts->tm_sec,
        .millisecond = (int)(utc_ms % 1000),
        .day_of_year = parts->tm_yday + 1,
    };
}

struct pos_time pos_time_utc(uint64_t utc_ms)
{
    time_t seconds = (time_t)(utc_ms / 1000);
    struct tm parts;
    (void)gmtime_r(&seconds, &parts);
    return broken_down(&parts, utc_ms);
}

struct pos_time pos_time_local(uint64_t utc_ms)
{
    time_t seconds = (time_t)(utc_ms / 1000);
    struct tm parts;
    (void)localtime_r(&seconds, &parts);
    return broken_down(&parts, utc_ms);
}

void pos_time_text(uint64_t utc_ms, int with_milliseconds, char text[POS_TIME_TEXT_SIZE])
{
    struct pos_time t = pos_time_utc(utc_ms);
    char whole[64];
    int used = snprintf(whole, sizeof whole, "%04d-%02d-%02dT%02d:%02d:%02d", t.year, t.month,
                        t.day, t.hour, t.minute, t.second);
    if (with_milliseconds)
        (void)snprintf(whole + used, sizeof whole - (size_t)used, ".%03dZ", t.millisecond);
    else
        (void)snprintf(whole + used, sizeof whole - (size_t)used, "Z");
    (void)snprintf(text, POS_TIME_TEXT_SIZE, "%.24s", whole);
}
