/*
 * err: the error codes of every fallible function, and the reason a decision carries.
 *
 * Functions return 0 or a negative E_*. A decision (policy, token, certificate, signer limit) also
 * fills a struct reason: a stable public code ("SP-1207", explained in docs/errors.md) that the peer may
 * see, and a text that only the log and the administrator see.
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

enum err {
	E_OK = 0,
	E_NOMEM = -1,     /* allocation failed, or a structure's own maximum was reached by our side */
	E_TRUNC = -2,     /* input ends too early; more bytes may help */
	E_FORMAT = -3,    /* input breaks its specification; more bytes will not help */
	E_LIMIT = -4,     /* input is well formed but larger than our limit */
	E_RANGE = -5,     /* a number outside the permitted range */
	E_NOENT = -6,     /* no such thing */
	E_EXIST = -7,     /* there is one already */
	E_DENIED = -8,    /* understood and refused */
	E_EXPIRED = -9,   /* was valid once */
	E_CRYPTO = -10,   /* a signature, seal or key did not verify */
	E_IO = -11,       /* the kernel said no; errno is set */
	E_AGAIN = -12,    /* would block, or busy: try later */
	E_STATE = -13,    /* called or received in a state that does not permit it */
	E_CONFLICT = -14, /* somebody else changed it in between */
	E_TIMEOUT = -15,  /* the deadline passed */
	E_CLOSED = -16,   /* the other side is gone */
	E_UNSURE = -17,   /* whether it was done cannot be told now: look first, never repeat it blindly */
};

/* English for a code, for logs; static storage. */
const char *err_str(int e);

/* Why a decision came out as it did. */
struct reason {
	int code;       /* public code number, 1207 prints as SP-1207; 0 = none */
	char text[248]; /* for log and administrator; control characters never inside; always terminated */
};

/* Fills r (may be NULL) and returns e, so that "return reason_set(r, E_DENIED, SP_..., ...)" reads well.
   Control characters in the formatted text become '?'. */
int reason_set(struct reason *r, int e, int code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * Public codes. One block of a hundred an area. docs/errors.md explains each; dev/check-codes (in make lint)
 * fails when one is missing there. Never renumber.
 */
enum sp_code {
	SP_OK = 0,
	/* 10xx the request */
	SP_BAD_REQUEST = 1001,   /* malformed head, body or field */
	SP_TOO_LARGE = 1002,     /* head or body over its limit */
	SP_UNKNOWN_HOST = 1003,  /* no application of that name */
	SP_NO_ROUTE = 1004,      /* application has no tunnel */
	SP_TUNNEL_DOWN = 1005,   /* the tunnel has no live connector */
	SP_ORIGIN = 1006,        /* the connector could not reach its service */
	SP_BUSY = 1007,          /* a queue is full; try again */
	SP_INTERNAL = 1008,      /* a role of the edge is down or failed */
	SP_NOT_WEBSOCKET = 1009, /* an ssh or tcp application was asked for a page */
	SP_CONFLICT = 1010,      /* changed by somebody else meanwhile */
	SP_NOT_FOUND = 1011,     /* no such object or page */
	SP_METHOD = 1012,        /* method not allowed here */
	SP_STORE = 1013,         /* the store takes no writes: database down, disk full, locked */
	/* 11xx signing in */
	SP_LOGIN_NEEDED = 1101,
	SP_LOGIN_FAILED = 1102,   /* wrong e-mail, password or code: never says which */
	SP_LOGIN_STATE = 1103,    /* state, nonce or one-time code missing, foreign, reused or expired */
	SP_LOGIN_PROVIDER = 1104, /* provider answered with an error, or not at all */
	SP_ID_TOKEN = 1105,       /* ID token does not verify */
	SP_EMAIL = 1106,          /* e-mail missing, unverified or not of an acceptable form */
	SP_LOGIN_RATE = 1107,     /* too many attempts */
	SP_DISABLED = 1108,       /* the person is disabled */
	SP_LOGIN_TIMEOUT = 1109,  /* nobody finished the sign-in in time */
	SP_NOT_SIGNED_IN = 1110,  /* client: no token and no way to ask for one */
	SP_RECHECK = 1111,        /* provider gives no answer about the person for too long */
	/* 12xx policy and tokens */
	SP_NO_POLICY = 1201,    /* application without a policy */
	SP_POLICY_DENY = 1202,  /* no policy allowed it */
	SP_POLICY_BLOCK = 1203, /* a policy blocked it */
	SP_TOKEN = 1204,        /* malformed token or bad signature */
	SP_TOKEN_EXPIRED = 1205,
	SP_TOKEN_AUDIENCE = 1206, /* a token of another application */
	SP_REVOKED = 1207,        /* session or person revoked */
	SP_API_TOKEN = 1208,      /* API token missing, wrong or revoked */
	SP_SERVICE_TOKEN = 1209,  /* service token unknown, wrong, half there, disabled or expired */
	SP_APPROVAL = 1210,       /* somebody must approve first, or the time that was granted is over */
	SP_API_SCOPE = 1215,      /* API token without the scope */
	/* 13xx certificates */
	SP_NO_CA = 1301,           /* application has no certificate authority */
	SP_KEY_REFUSED = 1302,     /* public key of a kind or size that is not accepted */
	SP_KEY_MISMATCH = 1303,    /* not the key that the login was made for */
	SP_PRINCIPAL = 1304,       /* name outside the charset, or reserved */
	SP_PRINCIPAL_OWNED = 1305, /* the name belongs to another person */
	SP_CERT_RATE = 1306,
	SP_SIGNER_DOWN = 1307,
	/* 14xx tunnels */
	SP_TUNNEL_AUTH = 1401,     /* unknown tunnel or wrong secret */
	SP_TUNNEL_PROTOCOL = 1402, /* the peer broke the tunnel protocol */
	SP_DESTINATION = 1403,     /* bastion destination not allowed */
	/* 15xx the client's own */
	SP_CLIENT_USAGE = 1501,
	SP_CLIENT_NET = 1502,      /* DNS, TCP or TLS towards the edge failed */
	SP_CLIENT_FILE = 1503,     /* a file of ours is unsafe or unwritable */
	SP_CLIENT_PROTOCOL = 1504, /* the edge answered something that makes no sense */
	/* 16xx configuration and administration */
	SP_CONFIG = 1601,
	SP_APPLY = 1602,
	/* 17xx SSH sessions that the edge takes part in */
	SP_HOST_REFUSED = 1701,   /* the host did not take the certificate */
	SP_HOST_NO_CERTS = 1702,  /* the host's SSH server knows no certificates */
	SP_HOST_KEY = 1703,       /* not the host key that is pinned or listed */
	SP_HOST_UNLISTED = 1704,  /* ssh.host_keys is "required" and none is listed */
	SP_HOST_LOST = 1705,      /* the connection to the host broke, or what answers there is no SSH server */
	SP_SESSION_IDLE = 1706,   /* nobody typed for too long, or nobody came back */
	SP_SESSION_CUT = 1707,    /* access was withdrawn or ran out */
	SP_SESSION_WIRE = 1708,   /* the browser's side broke the terminal protocol */
	SP_SESSION_FULL = 1709,   /* as many sessions as the edge runs at once */
	SP_SESSION_GONE = 1710,   /* no such session to come back to */
};

#endif
