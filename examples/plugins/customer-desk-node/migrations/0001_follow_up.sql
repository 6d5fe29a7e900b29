-- What the desk remembers about a customer. The customer lives in the dataset's schema, which may be read only: no foreign key.
CREATE TABLE follow_up (
    follow_up_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    text NOT NULL,
    customer_id  bigint NOT NULL,
    note         text NOT NULL CHECK (char_length(note) BETWEEN 1 AND 500),
    tags         text[] NOT NULL DEFAULT '{}',
    due_on       date,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX follow_up_by_tenant ON follow_up (tenant_id, follow_up_id);
