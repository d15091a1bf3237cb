/* ca limits: ceilings that no configuration raises. */
#ifndef CA_LIMITS_H
#define CA_LIMITS_H

#define CA_TTL_MIN 1
#define CA_TTL_MAX 3600 /* contract.md: at most one hour */
#define CA_BACKDATE_MAX 60
#define CA_PRINCIPAL_MAX 32
#define CA_KEY_ID_MAX 511
#define CA_CIDR_MAX 64
#define CA_SOURCES_MAX 64
#define CA_EXTENSIONS_MAX 5
#define CA_CLOCK_MIN 1704067200 /* 2024-01-01: before that the clock is wrong and nothing is signed */
#define CA_CLOCK_MAX 7258118400 /* 2200-01-01 */

#endif
