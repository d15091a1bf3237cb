#include "msg/fetch.h"

MSG_DEFINE(jh_fetch, 0x0401, JH_FETCH)
MSG_DEFINE(jh_fetched, 0x0402, JH_FETCHED)
MSG_DEFINE(jh_ping, 0x0403, JH_EMPTY)
MSG_DEFINE(jh_pong, 0x0404, JH_EMPTY)
MSG_DEFINE(sf_provider, 0x0501, SF_PROVIDER)
MSG_DEFINE(sf_jwks, 0x0502, SF_JWKS)
MSG_DEFINE(sf_jwks_taken, 0x0503, SF_TAKEN)
MSG_DEFINE(sf_facts, 0x0510, SF_FACTS)
MSG_DEFINE(sf_taken_facts, 0x0511, SF_TAKEN_FACTS)
