/* RFC 3339 times; see timestamp.h. */
#include "api/timestamp.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void timestamp_write(char text[TIMESTAMP_BYTES], double seconds) {
    const double whole = floor(seconds);
    const time_t time = (time_t)whole;
    struct tm calendar;
    gmtime_r(&time, &calendar);
    const size_t length = strftime(text, TIMESTAMP_BYTES, "%Y-%m-%dT%H:%M:%S", &calendar);
    snprintf(text + length, TIMESTAMP_BYTES - length, ".%03dZ", (int)((seconds - whole) * 1000));
}
