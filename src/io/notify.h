/* notify: one datagram to the service manager (sd_notify(3) protocol). Silent when there is none. */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H
void notify_manager(const char *state); /* "READY=1", "STOPPING=1", "RELOADING=1\nMONOTONIC_USEC=..." */
#endif
