BEGIN TRANSACTION;
CREATE TABLE alerts (
	alert_id VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	campaign_id VARCHAR(64), 
	body TEXT NOT NULL, 
	PRIMARY KEY (alert_id)
);
INSERT INTO "alerts" VALUES('日 it''s',1125899906842624,'日 it''s','日 it''s','日 it''s');
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
INSERT INTO "meta" VALUES('version','1');
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
CREATE INDEX campaign_events_of ON campaign_events (campaign_id, sequence);
COMMIT;
