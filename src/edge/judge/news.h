/*
 * news: the store from judge's side while it runs: changes that another process committed become a new snapshot, a
 * database that went away and came back is told in the log, and a change whose commit got no answer is settled. May
 * block: reading the store, when something changed.
 */
#ifndef JUDGE_NEWS_H
#define JUDGE_NEWS_H

struct judge;
int news_start(struct judge *j); /* the store is open, the first snapshot taken */
void news_stop(struct judge *j);
void news_tick(struct judge *j); /* every second */

#endif
