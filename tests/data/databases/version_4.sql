BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE alerts (
	alert_id VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	campaign_id VARCHAR(64), 
	body TEXT NOT NULL, 
	PRIMARY KEY (alert_id)
);
INSERT INTO "alerts" VALUES('日 it''s',1125899906842624,'日 it''s','日 it''s','日 it''s');
CREATE TABLE appeals (
	appeal_id INTEGER NOT NULL, 
	filed_at BIGINT NOT NULL, 
	due_at BIGINT NOT NULL, 
	account_id TEXT NOT NULL, 
	decision INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	"by" VARCHAR(128) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	decided_at BIGINT, 
	decided_by VARCHAR(128), 
	note TEXT, 
	PRIMARY KEY (appeal_id)
);
INSERT INTO "appeals" VALUES(7,1125899906842624,1125899906842624,'日 it''s',7,'日 it''s','日 it''s','日 it''s',1125899906842624,'日 it''s','日 it''s');
CREATE TABLE audit (
	audit_id INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	who VARCHAR(128) NOT NULL, 
	what VARCHAR(32) NOT NULL, 
	about TEXT NOT NULL, 
	PRIMARY KEY (audit_id)
);
INSERT INTO "audit" VALUES(7,1125899906842624,'日 it''s','日 it''s','日 it''s');
CREATE TABLE campaign_events (
	event_id INTEGER NOT NULL, 
	sequence INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	campaign_id VARCHAR(64) NOT NULL, 
	event VARCHAR(32) NOT NULL, 
	others TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (event_id)
);
INSERT INTO "campaign_events" VALUES(7,7,1125899906842624,'日 it''s','日 it''s','日 it''s','日 it''s');
CREATE TABLE campaign_members (
	campaign_id VARCHAR(64) NOT NULL, 
	account_id TEXT NOT NULL, 
	requests BIGINT NOT NULL, 
	flagged INTEGER NOT NULL, 
	first_snapshot INTEGER NOT NULL, 
	last_snapshot INTEGER NOT NULL, 
	PRIMARY KEY (campaign_id, account_id), 
	FOREIGN KEY(campaign_id) REFERENCES campaigns (campaign_id) ON DELETE CASCADE
);
INSERT INTO "campaign_members" VALUES('日 it''s','日 it''s',1125899906842624,7,7,7);
CREATE TABLE campaigns (
	campaign_id VARCHAR(64) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	verdict VARCHAR(16) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	score FLOAT NOT NULL, 
	first_snapshot INTEGER NOT NULL, 
	last_snapshot INTEGER NOT NULL, 
	first_seen BIGINT, 
	last_seen BIGINT, 
	PRIMARY KEY (campaign_id)
);
INSERT INTO "campaigns" VALUES('日 it''s','日 it''s','日 it''s','日 it''s',2.5,7,7,1125899906842624,1125899906842624);
CREATE TABLE case_events (
	event_id INTEGER NOT NULL, 
	campaign_id VARCHAR(64) NOT NULL, 
	version INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	"by" VARCHAR(128) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	note TEXT NOT NULL, 
	"before" TEXT NOT NULL, 
	"after" TEXT NOT NULL, 
	PRIMARY KEY (event_id)
);
INSERT INTO "case_events" VALUES(7,'日 it''s',7,1125899906842624,'日 it''s','日 it''s','日 it''s','日 it''s','日 it''s');
CREATE TABLE cases (
	campaign_id VARCHAR(64) NOT NULL, 
	version INTEGER NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	assignee VARCHAR(128) NOT NULL, 
	labels TEXT NOT NULL, 
	narrative TEXT NOT NULL, 
	reason VARCHAR(32) NOT NULL, 
	opened_at BIGINT NOT NULL, 
	changed_at BIGINT NOT NULL, 
	changed_by VARCHAR(128) NOT NULL, 
	PRIMARY KEY (campaign_id)
);
INSERT INTO "cases" VALUES('日 it''s',7,'日 it''s','日 it''s','日 it''s','日 it''s','日 it''s',1125899906842624,1125899906842624,'日 it''s');
CREATE TABLE decisions (
	seq INTEGER NOT NULL, 
	made_at BIGINT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	account_id TEXT NOT NULL, 
	action VARCHAR(16) NOT NULL, 
	reason VARCHAR(32) NOT NULL, 
	author VARCHAR(128) NOT NULL, 
	dry_run BOOLEAN NOT NULL, 
	starts_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	campaign_id VARCHAR(64) NOT NULL, 
	snapshot INTEGER NOT NULL, 
	undoes INTEGER NOT NULL, 
	note TEXT NOT NULL, 
	"before" VARCHAR(64) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "decisions" VALUES(7,1125899906842624,'日 it''s','日 it''s','日 it''s','日 it''s','日 it''s',1,1125899906842624,1125899906842624,'日 it''s',7,7,'日 it''s','日 it''s','日 it''s');
CREATE TABLE deliveries (
	alert_id VARCHAR(64) NOT NULL, 
	channel VARCHAR(128) NOT NULL, 
	tries INTEGER NOT NULL, 
	next_try BIGINT, 
	sent_at BIGINT, 
	failure TEXT, 
	PRIMARY KEY (alert_id, channel), 
	FOREIGN KEY(alert_id) REFERENCES alerts (alert_id) ON DELETE CASCADE
);
INSERT INTO "deliveries" VALUES('日 it''s','日 it''s',7,1125899906842624,1125899906842624,'日 it''s');
CREATE TABLE holds (
	hold_id INTEGER NOT NULL, 
	made_at BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	from_time BIGINT, 
	to_time BIGINT, 
	released_at BIGINT, 
	PRIMARY KEY (hold_id)
);
INSERT INTO "holds" VALUES(7,1125899906842624,'日 it''s',1125899906842624,1125899906842624,1125899906842624);
CREATE TABLE linked_accounts (
	campaign_id VARCHAR(64) NOT NULL, 
	account_id TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	bits FLOAT NOT NULL, 
	requests INTEGER NOT NULL, 
	reasons TEXT NOT NULL, 
	PRIMARY KEY (campaign_id, account_id), 
	FOREIGN KEY(campaign_id) REFERENCES campaigns (campaign_id) ON DELETE CASCADE
);
INSERT INTO "linked_accounts" VALUES('日 it''s','日 it''s',1125899906842624,2.5,7,'日 it''s');
CREATE TABLE meta (
	name VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('version','4');
CREATE TABLE saved_filters (
	filter_id INTEGER NOT NULL, 
	owner VARCHAR(128) NOT NULL, 
	page VARCHAR(64) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	"query" TEXT NOT NULL, 
	shared BOOLEAN NOT NULL, 
	made_at BIGINT NOT NULL, 
	PRIMARY KEY (filter_id)
);
INSERT INTO "saved_filters" VALUES(7,'日 it''s','日 it''s','日 it''s','日 it''s',1,1125899906842624);
CREATE TABLE sessions (
	digest VARCHAR(64) NOT NULL, 
	user_id INTEGER NOT NULL, 
	form_token VARCHAR(64) NOT NULL, 
	made_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (digest), 
	FOREIGN KEY(user_id) REFERENCES users (user_id) ON DELETE CASCADE
);
INSERT INTO "sessions" VALUES('日 it''s',7,'日 it''s',1125899906842624,1125899906842624,1125899906842624);
CREATE TABLE snapshots (
	sequence INTEGER NOT NULL, 
	made_at BIGINT NOT NULL, 
	from_time BIGINT, 
	to_time BIGINT, 
	requests BIGINT NOT NULL, 
	accounts BIGINT NOT NULL, 
	rejected BIGINT NOT NULL, 
	cpu_seconds FLOAT NOT NULL, 
	required_bits FLOAT NOT NULL, 
	days FLOAT NOT NULL, 
	PRIMARY KEY (sequence)
);
INSERT INTO "snapshots" VALUES(7,1125899906842624,1125899906842624,1125899906842624,1125899906842624,1125899906842624,1125899906842624,2.5,2.5,2.5);
CREATE TABLE tokens (
	token_id VARCHAR(16) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	scopes VARCHAR(128) NOT NULL, 
	source VARCHAR(64) NOT NULL, 
	made_at BIGINT NOT NULL, 
	revoked_at BIGINT, 
	PRIMARY KEY (token_id), 
	UNIQUE (digest)
);
INSERT INTO "tokens" VALUES('日 it''s','日 it''s','日 it''s','日 it''s','日 it''s',1125899906842624,1125899906842624);
CREATE TABLE users (
	user_id INTEGER NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	password TEXT, 
	subject TEXT, 
	made_at BIGINT NOT NULL, 
	disabled_at BIGINT, 
	PRIMARY KEY (user_id), 
	UNIQUE (name), 
	UNIQUE (subject)
);
INSERT INTO "users" VALUES(7,'日 it''s','日 it''s','日 it''s','日 it''s',1125899906842624,1125899906842624);
CREATE INDEX campaign_events_of ON campaign_events (campaign_id, sequence);
CREATE INDEX appeals_of_account ON appeals (account_id);
CREATE INDEX appeals_by_deadline ON appeals (status, due_at);
CREATE UNIQUE INDEX case_events_of ON case_events (campaign_id, version);
CREATE INDEX saved_filters_of ON saved_filters (page, owner);
CREATE INDEX audit_by_person ON audit (who, at);
CREATE INDEX audit_by_time ON audit (at);
COMMIT;
