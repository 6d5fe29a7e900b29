CREATE INDEX follow_up_by_customer ON follow_up (tenant_id, customer_id);
CREATE INDEX follow_up_by_tag ON follow_up USING gin (tags);
