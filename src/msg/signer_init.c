#include "msg/signer_init.h"

MSG_DEFINE(si_init, 0x0601, SI_INIT)
MSG_DEFINE(si_inited, 0x0602, SI_INITED)
