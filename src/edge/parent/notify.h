/* notify: one datagram to the service manager (sd_notify(3) protocol). Silent when there is none. */
#ifndef EDGE_PARENT_NOTIFY_H
#define EDGE_PARENT_NOTIFY_H
void notify_manager(const char *state); /* "READY=1", "STOPPING=1", "RELOADING=1\nMONOTONIC_USEC=..." */
#endif
