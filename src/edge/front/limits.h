/*
 * limits: every bound of front in one place, with the attack or accident it meets.
 */
#ifndef FRONT_LIMITS_H
#define FRONT_LIMITS_H

#define FRONT_THREADS_MAX 64u
#define FRONT_LISTENERS_MAX 8u    /* of one kind */
#define FRONT_CERTS_MAX 16u       /* configured certificates */
#define FRONT_CONNS_THREAD 65536u /* users' connections of a thread: memory, descriptors */
#define FRONT_CONNS_IP 4096u      /* users' connections of one address: one host must not fill the table */
#define FRONT_HANDSHAKES 2048u    /* TLS handshakes under way on a thread: slow-loris before the first byte of HTTP */
#define FRONT_REQUESTS 2048u    /* requests of a thread that judge has not answered: a slow judge must not grow front */
#define FRONT_METRICS_CONNS 64u /* connections of the metrics listener */
#define FRONT_LINKS 4096u       /* tunnel connections of the process, registered or not */
#define FRONT_STREAMS_LINK 16384u    /* streams of one tunnel connection */
#define FRONT_STREAMS_TUNNEL 32768u  /* and of one tunnel: its users must not take every descriptor of the others */
#define FRONT_HEADERS 100u           /* request headers shown to judge */
#define FRONT_HEADER_VALUE 16384u    /* bytes of one value that a message to judge carries */
#define FRONT_ANSWER_HEADERS 128u    /* headers judge may put into an answer or a stream's head */
#define FRONT_ENDS 65536u            /* ends of session processes that wait for their ticket, or the other way round */
#define FRONT_HOST_EARLY (64u << 10) /* what a session process sends before its stream is open */
#define FRONT_PICK_TRIES 3u          /* links tried for one user before "tunnel down" */
#define FRONT_PUSH_REPLY (16u << 10) /* what a connector may answer to a configuration */
#define FRONT_LOCAL_CONFIG (256u << 10) /* rules that a connector reports */
#define FRONT_CONTROL_OUT (3u << 20)    /* answers to the control stream in one turn */
#define FRONT_STATUS_MAX (512u << 10)   /* text of /metrics */

#define FRONT_JUDGE_MS 60000 /* judge may hold a transfer request for 55 s */
#define FRONT_HELD_MS                                                                                  \
	3000 /* draining: nobody waits for what judge holds (a client's login, a log that is followed) \
	      */
#define FRONT_REGISTER_MS 5000      /* connectors give up after 5 s themselves */
#define FRONT_UNREGISTERED_MS 15000 /* a tunnel connection that never registers (probes, scanners) */
#define FRONT_REFUSED_MS 200        /* after a refusal the edge must close, or the connector waits for ever */
#define FRONT_LEAVE_MS 30000        /* after unregister: the connector itself would wait without limit */
#define FRONT_LEAVE_GRACE_MS 300    /* lets the connector's last words arrive */
#define FRONT_PING_MS 9000          /* and as long for a sign of life: a dead peer is found within 20 s */
#define FRONT_PROBE_MS 2000         /* another claims its place: what is dead makes room soon */
#define FRONT_OPEN_MS 35000         /* a connector dials its service for at most 30 s */
#define FRONT_HTTP_HEAD_MS 100000   /* a service thinks about a request (as the original) */
#define FRONT_HTTP_LEAD 8u          /* streams that a link elsewhere must have fewer, for a request to move there */
#define FRONT_PUSH_MS 15000
#define FRONT_END_MS 30000                     /* a user that reads slowly has this long for the last bytes */
#define FRONT_HALF_MS 10000                    /* a user ended: the connector's last bytes */
#define FRONT_IDLE_MS 75000                    /* keep-alive between requests */
#define FRONT_SEND_MS 60000                    /* a user reads an answer */
#define FRONT_LEAF_RETRY_MS 500                /* judge or signer were not ready */
#define FRONT_LEAF_RENEW_MS (24 * 3600 * 1000) /* leaves live 30 days */
#define FRONT_STATUS_MS 2000
#define FRONT_PAIR_MS 15000     /* a session process starts, or its ticket comes */
#define FRONT_CUT_WORDS_MS 1500 /* a session process that was told to end says why to its user */

#endif
