/* Times as clients read them: RFC 3339, UTC, milliseconds. */
#ifndef MLPD_API_TIMESTAMP_H
#define MLPD_API_TIMESTAMP_H

#define TIMESTAMP_BYTES 32

/* "2026-11-25T02:00:00.123Z" from seconds since 1970. */
void timestamp_write(char text[TIMESTAMP_BYTES], double seconds);

#endif
