-- transactional: false
-- In batches of 10,000, each committed for itself, so that nobody waits long for a row.
DO $$
DECLARE
    last_id varchar := '';
    batch_end varchar;
BEGIN
    LOOP
        SELECT max(id) INTO batch_end
        FROM (SELECT id FROM urls WHERE id > last_id ORDER BY id LIMIT 10000) AS batch;
        EXIT WHEN batch_end IS NULL;
        UPDATE urls SET target_digest = link_target_digest(original_url)
        WHERE id > last_id AND id <= batch_end AND target_digest IS NULL AND digest_due IS NOT TRUE;
        COMMIT;
        last_id := batch_end;
    END LOOP;
END
$$;
