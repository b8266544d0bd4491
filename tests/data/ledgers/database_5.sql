BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE alerts (
	alert_id VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	campaign_id VARCHAR(64), 
	body TEXT NOT NULL, 
	PRIMARY KEY (alert_id)
);
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
CREATE TABLE audit (
	audit_id INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	who VARCHAR(128) NOT NULL, 
	what VARCHAR(32) NOT NULL, 
	about TEXT NOT NULL, 
	PRIMARY KEY (audit_id)
);
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
INSERT INTO "decisions" VALUES(1,1800000000000000,'rule','acct-0','step_up','automated_collection','rule:harvesters',0,1800000000000000,1801209600000000,'c-1',1,0,'','0000000000000000000000000000000000000000000000000000000000000000','aefddfa5a43b7bc695c0786340e7f4b4bbc12770789f0c1b6a2d3133d3f991b0');
INSERT INTO "decisions" VALUES(2,1800000000000000,'rule','acct-1','step_up','automated_collection','rule:harvesters',0,1800000000000000,1801209600000000,'c-1',1,0,'','aefddfa5a43b7bc695c0786340e7f4b4bbc12770789f0c1b6a2d3133d3f991b0','343c0cedfc9234120147b8f690315b67a1ac9382189ee9108c2be76d5335f951');
INSERT INTO "decisions" VALUES(3,1800000000000000,'rule','acct-2','step_up','automated_collection','rule:harvesters',0,1800000000000000,1801209600000000,'c-1',1,0,'','343c0cedfc9234120147b8f690315b67a1ac9382189ee9108c2be76d5335f951','cad2731ebb2c765e31796906ac3aee6484ec029ea30c6236da846b216084819d');
INSERT INTO "decisions" VALUES(4,1800000000000000,'override','acct-1','observe','operator_decision','Adé',0,1800000000000000,1800259200000000,'',0,0,'ours','cad2731ebb2c765e31796906ac3aee6484ec029ea30c6236da846b216084819d','cf864aeaf7e59526a053d29bcf15ab796d91da8b7218d56192a3d05ca89f6e79');
INSERT INTO "decisions" VALUES(5,1800000000000005,'undo','acct-0','step_up','automated_collection','Bo',0,1800000000000005,1800000000000005,'c-1',0,1,'by mistake','cf864aeaf7e59526a053d29bcf15ab796d91da8b7218d56192a3d05ca89f6e79','6b4aad6c1483fb65b3b6aad12e4b0cbc963293b1a063dd426b3256a71a7992d2');
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
CREATE TABLE holds (
	hold_id INTEGER NOT NULL, 
	made_at BIGINT NOT NULL, 
	reason TEXT NOT NULL, 
	from_time BIGINT, 
	to_time BIGINT, 
	released_at BIGINT, 
	PRIMARY KEY (hold_id)
);
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
CREATE TABLE linked_senders (
	campaign_id VARCHAR(64) NOT NULL, 
	account_id TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	bits FLOAT NOT NULL, 
	PRIMARY KEY (campaign_id, account_id), 
	FOREIGN KEY(campaign_id) REFERENCES campaigns (campaign_id) ON DELETE CASCADE
);
CREATE TABLE meta (
	name VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('version','5');
INSERT INTO "meta" VALUES('decide_secret','69982cdd3858b90a9acc23c8d6ac1e7faa0ac603d3c2aa3cf629026043ddb2dd');
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
CREATE INDEX campaign_events_of ON campaign_events (campaign_id, sequence);
CREATE INDEX appeals_of_account ON appeals (account_id);
CREATE INDEX appeals_by_deadline ON appeals (status, due_at);
CREATE UNIQUE INDEX case_events_of ON case_events (campaign_id, version);
CREATE INDEX saved_filters_of ON saved_filters (page, owner);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_person ON audit (who, at);
COMMIT;
