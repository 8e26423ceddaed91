BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('dc11669786a5');
CREATE TABLE "assessments" (
	assessment_id VARCHAR(50) NOT NULL, 
	trace_id VARCHAR(50) NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	assessment_type VARCHAR(20) NOT NULL, 
	value TEXT NOT NULL, 
	error TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	source_type VARCHAR(50) NOT NULL, 
	source_id VARCHAR(250), 
	run_id VARCHAR(32), 
	span_id VARCHAR(50), 
	rationale TEXT, 
	overrides VARCHAR(50), 
	valid BOOLEAN NOT NULL, 
	assessment_metadata TEXT, 
	experiment_id INTEGER, 
	trace_timestamp_ms BIGINT, 
	aggregate_value FLOAT, 
	is_numeric_value BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT assessments_pk PRIMARY KEY (assessment_id), 
	CONSTRAINT fk_assessments_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE budget_policies (
	budget_policy_id VARCHAR(36) NOT NULL, 
	budget_unit VARCHAR(32) NOT NULL, 
	budget_amount FLOAT NOT NULL, 
	duration_unit VARCHAR(32) NOT NULL, 
	duration_value INTEGER NOT NULL, 
	target_scope VARCHAR(32) NOT NULL, 
	budget_action VARCHAR(32) NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, target_value VARCHAR(255), 
	CONSTRAINT budget_policies_pk PRIMARY KEY (budget_policy_id)
);
CREATE TABLE "datasets" (
	dataset_uuid VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	digest VARCHAR(36) NOT NULL, 
	dataset_source_type VARCHAR(36) NOT NULL, 
	dataset_source TEXT NOT NULL, 
	dataset_schema TEXT, 
	dataset_profile TEXT, 
	CONSTRAINT dataset_pk PRIMARY KEY (experiment_id, name, digest), 
	CONSTRAINT fk_datasets_experiment_id_experiments FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO "datasets" VALUES('c5612da8b0874554b5dfbf9b36d52c72',1,'FashionMNIST','b2267071','http','{"url": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"}','{"mlflow_tensorspec": {"features": "[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"uint8\", \"shape\": [-1, 28, 28]}}]", "targets": "[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"int64\", \"shape\": [-1]}}]"}}','{"features_shape": [512, 28, 28], "features_size": 401408, "features_nbytes": 401408, "targets_shape": [512], "targets_size": 512, "targets_nbytes": 4096}');
INSERT INTO "datasets" VALUES('5137fd0338ee45c1bd331e5fbba04b37',1,'FashionMNIST','1798e462','http','{"url": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"}','{"mlflow_tensorspec": {"features": "[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"uint8\", \"shape\": [-1, 28, 28]}}]", "targets": "[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"int64\", \"shape\": [-1]}}]"}}','{"features_shape": [600, 28, 28], "features_size": 470400, "features_nbytes": 470400, "targets_shape": [600], "targets_size": 600, "targets_nbytes": 4800}');
CREATE TABLE endpoint_bindings (
	endpoint_id VARCHAR(36) NOT NULL, 
	resource_type VARCHAR(50) NOT NULL, 
	resource_id VARCHAR(255) NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), display_name VARCHAR(255), 
	CONSTRAINT endpoint_bindings_pk PRIMARY KEY (endpoint_id, resource_type, resource_id), 
	CONSTRAINT fk_endpoint_bindings_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE
);
CREATE TABLE endpoint_model_mappings (
	mapping_id VARCHAR(36) NOT NULL, 
	endpoint_id VARCHAR(36) NOT NULL, 
	model_definition_id VARCHAR(36) NOT NULL, 
	weight FLOAT NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, linkage_type VARCHAR(64) DEFAULT 'PRIMARY' NOT NULL, fallback_order INTEGER, 
	CONSTRAINT endpoint_model_mappings_pk PRIMARY KEY (mapping_id), 
	CONSTRAINT fk_endpoint_model_mappings_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE, 
	CONSTRAINT fk_endpoint_model_mappings_model_definition_id FOREIGN KEY(model_definition_id) REFERENCES model_definitions (model_definition_id)
);
CREATE TABLE endpoint_tags (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	endpoint_id VARCHAR(36) NOT NULL, 
	CONSTRAINT endpoint_tag_pk PRIMARY KEY ("key", endpoint_id), 
	CONSTRAINT fk_endpoint_tags_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE
);
CREATE TABLE "endpoints" (
	endpoint_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	routing_strategy VARCHAR(64), 
	fallback_config_json TEXT, 
	experiment_id INTEGER, 
	usage_tracking BOOLEAN DEFAULT '0' NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT endpoints_pk PRIMARY KEY (endpoint_id), 
	CONSTRAINT fk_endpoints_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE SET NULL, 
	CONSTRAINT uq_endpoints_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE entity_associations (
	association_id VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, 
	created_time BIGINT, 
	CONSTRAINT entity_associations_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
CREATE TABLE "evaluation_dataset_records" (
	dataset_record_id VARCHAR(36) NOT NULL, 
	dataset_id VARCHAR(36) NOT NULL, 
	inputs JSON NOT NULL, 
	expectations JSON, 
	tags JSON, 
	source JSON, 
	source_id VARCHAR(36), 
	source_type VARCHAR(255), 
	created_time BIGINT, 
	last_update_time BIGINT, 
	created_by VARCHAR(255), 
	last_updated_by VARCHAR(255), 
	input_hash VARCHAR(64) NOT NULL, outputs JSON, 
	CONSTRAINT evaluation_dataset_records_pk PRIMARY KEY (dataset_record_id), 
	CONSTRAINT fk_evaluation_dataset_records_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (dataset_id) ON DELETE CASCADE, 
	CONSTRAINT unique_dataset_input UNIQUE (dataset_id, input_hash)
);
CREATE TABLE evaluation_dataset_tags (
	dataset_id VARCHAR(36) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT evaluation_dataset_tags_pk PRIMARY KEY (dataset_id, "key"), 
	CONSTRAINT fk_evaluation_dataset_tags_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (dataset_id) ON DELETE CASCADE
);
CREATE TABLE "evaluation_datasets" (
	dataset_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	schema TEXT, 
	profile TEXT, 
	digest VARCHAR(64), 
	created_time BIGINT, 
	last_update_time BIGINT, 
	created_by VARCHAR(255), 
	last_updated_by VARCHAR(255), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT evaluation_datasets_pk PRIMARY KEY (dataset_id)
);
CREATE TABLE "experiment_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	experiment_id INTEGER NOT NULL, 
	CONSTRAINT experiment_tag_pk PRIMARY KEY ("key", experiment_id), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
INSERT INTO "experiment_tags" VALUES('mlflow.sharedViewState.2026-11-26_15-32-26_114981','deflate;eJzFk1tLAzEQhf/KkpcqFNmbvfhWi9qiVamCD1JkmkzbwG6y5IKU4n83WZd2t2IFEX3MyZwz305mN0QjKLq65JlBRc4CAsYoPrcG9Ymy4oWzYHwbHLXSqA8QJ50Oo5AmNAZcnLIEAbFDWQ+jVjtoUZomYUL7YdJN04R1+yEsev20w5I06uIibh2TdkCkYqjO1wNNXTujLDqN6wGl7oJLMcWyANnu1nHoEWcMxUQy9JAPo7unl8HNjc+jMi9A4dSKB6TGJWhX8bwh1nKfQQpOjVWofa2AHPc1xnWRwboOc4UCFZg6A5WZzcvoyJ9AsRHy5co4oReGb+1g19Ao4KLebSs0WzVNqE3DU50PWJSc26ZppxywZe7DRMO2Uw7Y5nuA8+8Bc/daWd2zFQ4Ngrva+iCq855l1nj54QqU2Xt3bbAIYm8166KMGk8GVxde4Dks8RrXpYMopG5pXGq1Pd6hBRLfwoe4ovirtcjR/S20Wrzxp33zmzuUVphHOfyArcL0Sr467ntQkHuKBWS6OYcSP/oZvpBcN/ijf+IPf4k//Bv+2ds7OUud3A==',1);
CREATE TABLE "experiments" (
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	artifact_location VARCHAR(256), 
	lifecycle_stage VARCHAR(32), 
	creation_time BIGINT, 
	last_update_time BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), 
	CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT uq_experiments_workspace_name UNIQUE (workspace, name)
);
INSERT INTO "experiments" VALUES(0,'Default','/FOLDER/mlruns/0','active',1795707152935,1795707152935,'default');
INSERT INTO "experiments" VALUES(1,'denoise','/FOLDER/mlruns/1','active',1795707152938,1795707152938,'default');
CREATE TABLE guardrail_configs (
	endpoint_id VARCHAR(36) NOT NULL, 
	guardrail_id VARCHAR(36) NOT NULL, 
	execution_order INTEGER, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT guardrail_configs_pk PRIMARY KEY (endpoint_id, guardrail_id), 
	CONSTRAINT fk_guardrail_configs_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE, 
	CONSTRAINT fk_guardrail_configs_guardrail_id FOREIGN KEY(guardrail_id) REFERENCES guardrails (guardrail_id) ON DELETE CASCADE
);
CREATE TABLE guardrails (
	guardrail_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	scorer_version INTEGER NOT NULL, 
	stage VARCHAR(32) NOT NULL, 
	action VARCHAR(32) NOT NULL, 
	action_endpoint_id VARCHAR(36), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT guardrails_pk PRIMARY KEY (guardrail_id), 
	CONSTRAINT fk_guardrails_scorer_version FOREIGN KEY(scorer_id, scorer_version) REFERENCES scorer_versions (scorer_id, scorer_version), 
	CONSTRAINT fk_guardrails_action_endpoint_id FOREIGN KEY(action_endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE SET NULL
);
CREATE TABLE input_tags (
	input_uuid VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	value VARCHAR(500) NOT NULL, 
	CONSTRAINT input_tags_pk PRIMARY KEY (input_uuid, name)
);
INSERT INTO "input_tags" VALUES('8c9065e7766d475e9c353dbacad13d81','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('7c934a7a25c14523849cf7438b0f5daf','mlflow.data.context','testing');
INSERT INTO "input_tags" VALUES('898e063317534e25aa5fbd6244979078','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('2f8d1541636847bd99daf62942171f5e','mlflow.data.context','testing');
INSERT INTO "input_tags" VALUES('6834d69bcdd0448d87e843fba4f3176b','mlflow.data.context','training');
INSERT INTO "input_tags" VALUES('ea46859d98884ad799e7a474106346e9','mlflow.data.context','testing');
CREATE TABLE inputs (
	input_uuid VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT inputs_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
INSERT INTO "inputs" VALUES('8c9065e7766d475e9c353dbacad13d81','DATASET','c5612da8b0874554b5dfbf9b36d52c72','RUN','419aa2366dca43c2aef5d3eaee6cd8e1',0);
INSERT INTO "inputs" VALUES('7c934a7a25c14523849cf7438b0f5daf','DATASET','5137fd0338ee45c1bd331e5fbba04b37','RUN','419aa2366dca43c2aef5d3eaee6cd8e1',0);
INSERT INTO "inputs" VALUES('bb79464e46454915a9d6e41292aba015','RUN_OUTPUT','419aa2366dca43c2aef5d3eaee6cd8e1','MODEL_OUTPUT','m-e92697a0d97140928de4f5f7d410a03f',0);
INSERT INTO "inputs" VALUES('898e063317534e25aa5fbd6244979078','DATASET','c5612da8b0874554b5dfbf9b36d52c72','RUN','cc4303c9037443d790af8946d3417ef2',0);
INSERT INTO "inputs" VALUES('2f8d1541636847bd99daf62942171f5e','DATASET','5137fd0338ee45c1bd331e5fbba04b37','RUN','cc4303c9037443d790af8946d3417ef2',0);
INSERT INTO "inputs" VALUES('4ee177f1acd44f809b38a1733e2660b0','RUN_OUTPUT','cc4303c9037443d790af8946d3417ef2','MODEL_OUTPUT','m-cfd6d3f3525b4df79643e1eaad5a5442',0);
INSERT INTO "inputs" VALUES('6834d69bcdd0448d87e843fba4f3176b','DATASET','c5612da8b0874554b5dfbf9b36d52c72','RUN','f69b8111636d44abab42e32a458283c0',0);
INSERT INTO "inputs" VALUES('ea46859d98884ad799e7a474106346e9','DATASET','5137fd0338ee45c1bd331e5fbba04b37','RUN','f69b8111636d44abab42e32a458283c0',0);
CREATE TABLE issues (
	issue_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	description TEXT NOT NULL, 
	status VARCHAR(50) NOT NULL, 
	severity VARCHAR(50), 
	root_causes TEXT, 
	source_run_id VARCHAR(32), 
	categories TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	created_by VARCHAR(255), 
	CONSTRAINT issues_pk PRIMARY KEY (issue_id), 
	CONSTRAINT fk_issues_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT fk_issues_source_run_id FOREIGN KEY(source_run_id) REFERENCES runs (run_uuid) ON DELETE SET NULL
);
CREATE TABLE job_locks (
	lock_key VARCHAR(255) NOT NULL, 
	job_id VARCHAR(36) NOT NULL, 
	acquired_at BIGINT NOT NULL, 
	CONSTRAINT job_locks_pk PRIMARY KEY (lock_key), 
	CONSTRAINT fk_job_locks_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE "jobs" (
	id VARCHAR(36) NOT NULL, 
	creation_time BIGINT NOT NULL, 
	job_name VARCHAR(500) NOT NULL, 
	params TEXT NOT NULL, 
	timeout FLOAT, 
	status INTEGER NOT NULL, 
	result TEXT, 
	retry_count INTEGER NOT NULL, 
	last_update_time BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, status_details JSON, creator VARCHAR(255), executor_backend VARCHAR(255), lease_expires_at BIGINT, status_message TEXT, progress JSON, progress_updated_at BIGINT, token_hash VARCHAR(64), scoped_permissions JSON, next_attempt_at BIGINT, 
	CONSTRAINT jobs_pk PRIMARY KEY (id)
);
CREATE TABLE label_schemas (
	schema_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	type VARCHAR(16) NOT NULL, 
	instruction TEXT, 
	enable_comment BOOLEAN DEFAULT '0' NOT NULL, 
	input_type VARCHAR(32) NOT NULL, 
	input_config TEXT NOT NULL, 
	created_by VARCHAR(255), 
	created_time BIGINT NOT NULL, 
	last_update_time BIGINT NOT NULL, 
	is_default BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT label_schemas_pk PRIMARY KEY (schema_id), 
	CONSTRAINT fk_label_schemas_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT uq_label_schemas_exp_name UNIQUE (experiment_id, name)
);
CREATE TABLE "latest_metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT, 
	step BIGINT NOT NULL, 
	is_nan BOOLEAN NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT latest_metric_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "latest_metrics" VALUES('train/loss',1.38317131996154785156e+00,1795707158243,2,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('time/images_per_second',9.51072520170952338987e+04,1795707158243,2,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('test/loss',1.36160326639811191107e+00,1795707158243,2,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('test/clean_mse',0.340400816599528,1795707158243,2,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('test/denoise_mse',0.340400816599528,1795707158243,2,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('time/epoch_seconds',2.33513350003704545088e-02,1795707158243,2,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('best/loss',1.36160326639811191107e+00,1795707158878,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('best/clean_mse',0.340400816599528,1795707158878,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('best/denoise_mse',0.340400816599528,1795707158878,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('best/epoch',2.0,1795707158878,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('test/psnr',4.81595174153645810832e+00,1795707158879,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('test/ssim',1.53156262636184696546e-02,1795707158879,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('robust/clean_mse',0.340400816599528,1795707158881,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('robust/gaussian_0.1_mse',0.340400816599528,1795707158881,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('robust/gaussian_0.25_mse',0.340400816599528,1795707158881,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('robust/gaussian_0.5_mse',0.340400816599528,1795707158881,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('robust/random_erasing_mse',0.340400816599528,1795707158881,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('robust/salt_and_pepper_mse',0.340400816599528,1795707158881,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('robust/masking_mse',0.340400816599528,1795707158881,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('robust/speckle_mse',0.340400816599528,1795707158881,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('robust/blur_mse',0.340400816599528,1795707158881,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('robust/mean_mse',0.340400816599528,1795707158881,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('latent/knn_accuracy',0.105,1795707158883,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('latent/linear_accuracy',1.18333333333333332038e-01,1795707158883,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('latent/silhouette',-5.23967564105987548828e-01,1795707158883,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('model/parameters',2357.0,1795707158884,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('time/scores_seconds',4.21145339999384304974e-01,1795707158884,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('time/run_seconds',2.63613343500037444755e+00,1795707159851,0,0,'419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "latest_metrics" VALUES('train/loss',2.37954890727996826171e+00,1795707161198,2,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('time/images_per_second',5.31478197601305146248e+04,1795707161198,2,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('test/loss',2.35819562276204441886e+00,1795707161198,2,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('test/clean_mse',3.40401522318522109511e-01,1795707161198,2,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('test/denoise_mse',3.40401522318522109511e-01,1795707161198,2,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('time/epoch_seconds',1.80896390002089901827e-02,1795707161198,2,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('best/loss',2.35819562276204441886e+00,1795707161674,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('best/clean_mse',3.40401522318522109511e-01,1795707161674,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('best/denoise_mse',3.40401522318522109511e-01,1795707161674,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('best/epoch',2.0,1795707161674,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('test/psnr',4.81594421386718707367e+00,1795707161681,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('test/ssim',1.53200612465540560863e-02,1795707161681,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('robust/clean_mse',3.40401522318522109511e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('robust/gaussian_0.1_mse',3.40401522318522109511e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('robust/gaussian_0.25_mse',3.40401522318522109511e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('robust/gaussian_0.5_mse',3.40401522318522109511e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('robust/random_erasing_mse',3.40401522318522109511e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('robust/salt_and_pepper_mse',3.40401522318522109511e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('robust/masking_mse',3.40401522318522109511e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('robust/speckle_mse',3.40401522318522109511e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('robust/blur_mse',3.40401522318522109511e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('robust/mean_mse',3.40401522318522109511e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('latent/knn_accuracy',0.105,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('latent/linear_accuracy',1.18333333333333332038e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('latent/silhouette',-5.23967564105987548828e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('model/parameters',2357.0,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('time/scores_seconds',2.0315639000000373926e-01,1795707161690,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('time/run_seconds',1.81251066699951479677e+00,1795707162045,0,0,'cc4303c9037443d790af8946d3417ef2');
INSERT INTO "latest_metrics" VALUES('train/loss',1.63128352165222167968e+00,1795707179293,2,0,'f69b8111636d44abab42e32a458283c0');
INSERT INTO "latest_metrics" VALUES('time/images_per_second',1.71762367433054569118e+04,1795707179293,2,0,'f69b8111636d44abab42e32a458283c0');
INSERT INTO "latest_metrics" VALUES('test/loss',1.61058949788411465142e+00,1795707179293,2,0,'f69b8111636d44abab42e32a458283c0');
INSERT INTO "latest_metrics" VALUES('test/clean_mse',3.40401000976562506661e-01,1795707179293,2,0,'f69b8111636d44abab42e32a458283c0');
INSERT INTO "latest_metrics" VALUES('test/denoise_mse',3.40401000976562506661e-01,1795707179293,2,0,'f69b8111636d44abab42e32a458283c0');
INSERT INTO "latest_metrics" VALUES('time/epoch_seconds',5.31891919999907258898e-02,1795707179293,2,0,'f69b8111636d44abab42e32a458283c0');
CREATE TABLE logged_model_metrics (
	model_id VARCHAR(36) NOT NULL, 
	metric_name VARCHAR(500) NOT NULL, 
	metric_timestamp_ms BIGINT NOT NULL, 
	metric_step BIGINT NOT NULL, 
	metric_value FLOAT, 
	experiment_id INTEGER NOT NULL, 
	run_id VARCHAR(32) NOT NULL, 
	dataset_uuid VARCHAR(36), 
	dataset_name VARCHAR(500), 
	dataset_digest VARCHAR(36), 
	CONSTRAINT logged_model_metrics_pk PRIMARY KEY (model_id, metric_name, metric_timestamp_ms, metric_step, run_id), 
	CONSTRAINT fk_logged_model_metrics_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_metrics_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE, 
	CONSTRAINT fk_logged_model_metrics_run_id FOREIGN KEY(run_id) REFERENCES runs (run_uuid) ON DELETE CASCADE
);
CREATE TABLE logged_model_params (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	param_key VARCHAR(255) NOT NULL, 
	param_value TEXT NOT NULL, 
	CONSTRAINT logged_model_params_pk PRIMARY KEY (model_id, param_key), 
	CONSTRAINT fk_logged_model_params_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_params_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'data.name','FashionMNIST');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'data.root','data');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'data.debian','dataset-fashion-mnist');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'data.train_size','512');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'data.test_size','600');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'data.holdout','0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'data.low','-1.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'data.high','1.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'noise._target_','denoise.noise.Identity');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'model._target_','denoise.model.Mlp');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'model.latent_dim','1');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'model.width','1');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'model.depth','1');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.tsne_codes','100');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.perplexity','30');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.random_state','307');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.map_seed','9');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.neighbours','10');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.probe_codes','100');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.pairwise_codes','100');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.clean._target_','denoise.noise.Identity');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.gaussian_0.1._target_','denoise.noise.Gaussian');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.gaussian_0.1.sigma','0.1');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.gaussian_0.1.mean','0.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.gaussian_0.25._target_','denoise.noise.Gaussian');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.gaussian_0.25.sigma','0.25');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.gaussian_0.25.mean','0.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.gaussian_0.5._target_','denoise.noise.Gaussian');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.gaussian_0.5.sigma','0.5');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.gaussian_0.5.mean','0.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.random_erasing._target_','denoise.noise.RandomErasing');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.random_erasing.p','1.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.random_erasing.scale','[0.02, 0.33]');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.random_erasing.ratio','[0.3, 3.3]');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.random_erasing.value','0.5');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.salt_and_pepper._target_','denoise.noise.SaltAndPepper');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.salt_and_pepper.amount','0.1');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.salt_and_pepper.salt_vs_pepper','0.5');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.salt_and_pepper.low','0.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.salt_and_pepper.high','1.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.masking._target_','denoise.noise.Masking');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.masking.fraction','0.25');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.masking.value','0.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.speckle._target_','denoise.noise.Speckle');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.speckle.sigma','0.5');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.speckle.low','0.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.blur._target_','denoise.noise.GaussianBlur');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.robust.blur.sigma','1.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'evaluation.loss_axis','[0.5, 2.5]');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'trainer.epochs','2');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'trainer.batch_size','256');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'trainer.learning_rate','0.001');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'trainer.weight_decay','1e-05');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'trainer.target','corrupted');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'trainer.device','auto');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'trainer.precision','float32');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'trainer.compile','False');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'protocol.name','study');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'protocol.score','test/loss');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'protocol.sigma','1.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'protocol.grey','0.0');
INSERT INTO "logged_model_params" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'seed','0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'data.name','FashionMNIST');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'data.root','data');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'data.debian','dataset-fashion-mnist');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'data.train_size','512');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'data.test_size','600');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'data.holdout','0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'data.low','-1.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'data.high','1.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'noise._target_','denoise.noise.Gaussian');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'noise.sigma','1.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'noise.mean','0.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'model._target_','denoise.model.Mlp');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'model.latent_dim','1');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'model.width','1');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'model.depth','1');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.tsne_codes','100');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.perplexity','30');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.random_state','307');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.map_seed','9');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.neighbours','10');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.probe_codes','100');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.pairwise_codes','100');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.clean._target_','denoise.noise.Identity');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.gaussian_0.1._target_','denoise.noise.Gaussian');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.gaussian_0.1.sigma','0.1');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.gaussian_0.1.mean','0.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.gaussian_0.25._target_','denoise.noise.Gaussian');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.gaussian_0.25.sigma','0.25');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.gaussian_0.25.mean','0.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.gaussian_0.5._target_','denoise.noise.Gaussian');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.gaussian_0.5.sigma','0.5');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.gaussian_0.5.mean','0.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.random_erasing._target_','denoise.noise.RandomErasing');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.random_erasing.p','1.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.random_erasing.scale','[0.02, 0.33]');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.random_erasing.ratio','[0.3, 3.3]');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.random_erasing.value','0.5');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.salt_and_pepper._target_','denoise.noise.SaltAndPepper');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.salt_and_pepper.amount','0.1');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.salt_and_pepper.salt_vs_pepper','0.5');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.salt_and_pepper.low','0.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.salt_and_pepper.high','1.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.masking._target_','denoise.noise.Masking');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.masking.fraction','0.25');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.masking.value','0.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.speckle._target_','denoise.noise.Speckle');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.speckle.sigma','0.5');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.speckle.low','0.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.blur._target_','denoise.noise.GaussianBlur');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.robust.blur.sigma','1.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'evaluation.loss_axis','[0.5, 2.5]');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'trainer.epochs','2');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'trainer.batch_size','256');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'trainer.learning_rate','0.001');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'trainer.weight_decay','1e-05');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'trainer.target','corrupted');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'trainer.device','auto');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'trainer.precision','float32');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'trainer.compile','False');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'protocol.name','study');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'protocol.score','test/loss');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'protocol.sigma','1.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'protocol.grey','0.0');
INSERT INTO "logged_model_params" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'seed','0');
CREATE TABLE logged_model_tags (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	tag_key VARCHAR(255) NOT NULL, 
	tag_value TEXT NOT NULL, 
	CONSTRAINT logged_model_tags_pk PRIMARY KEY (model_id, tag_key), 
	CONSTRAINT fk_logged_model_tags_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_tags_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
CREATE TABLE logged_models (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	artifact_location VARCHAR(1000) NOT NULL, 
	creation_timestamp_ms BIGINT NOT NULL, 
	last_updated_timestamp_ms BIGINT NOT NULL, 
	status INTEGER NOT NULL, 
	lifecycle_stage VARCHAR(32), 
	model_type VARCHAR(500), 
	source_run_id VARCHAR(32), 
	status_message VARCHAR(1000), 
	CONSTRAINT logged_models_pk PRIMARY KEY (model_id), 
	CONSTRAINT logged_models_lifecycle_stage_check CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO "logged_models" VALUES('m-e92697a0d97140928de4f5f7d410a03f',1,'model','/FOLDER/mlruns/1/models/m-e92697a0d97140928de4f5f7d410a03f/artifacts',1795707159874,1795707159890,2,'active',NULL,'419aa2366dca43c2aef5d3eaee6cd8e1',NULL);
INSERT INTO "logged_models" VALUES('m-cfd6d3f3525b4df79643e1eaad5a5442',1,'model','/FOLDER/mlruns/1/models/m-cfd6d3f3525b4df79643e1eaad5a5442/artifacts',1795707162062,1795707162084,2,'active',NULL,'cc4303c9037443d790af8946d3417ef2',NULL);
CREATE TABLE mcp_access_endpoints (
	id VARCHAR(36) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	server_name VARCHAR(256) NOT NULL, 
	server_version VARCHAR(128), 
	server_alias VARCHAR(256), 
	url VARCHAR(2048) NOT NULL, 
	transport_type VARCHAR(32) DEFAULT 'streamable-http' NOT NULL, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_access_endpoints_pk PRIMARY KEY (id), 
	CONSTRAINT mcp_access_endpoints_server_fkey FOREIGN KEY(workspace, server_name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_aliases (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	alias VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	CONSTRAINT mcp_server_aliases_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT mcp_server_aliases_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_tags (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT mcp_server_tags_pk PRIMARY KEY (workspace, name, "key"), 
	CONSTRAINT mcp_server_tags_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_version_tags (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT mcp_server_version_tags_pk PRIMARY KEY (workspace, name, version, "key"), 
	CONSTRAINT mcp_server_version_tags_version_fkey FOREIGN KEY(workspace, name, version) REFERENCES mcp_server_versions (workspace, name, version) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_versions (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	version_major INTEGER NOT NULL, 
	version_minor INTEGER NOT NULL, 
	version_patch INTEGER NOT NULL, 
	version_prerelease_sort_key VARCHAR(512) NOT NULL, 
	server_json JSON NOT NULL, 
	status VARCHAR(20) DEFAULT 'draft' NOT NULL, 
	tools JSON, 
	source VARCHAR(512), 
	connect_options JSON, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_server_versions_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT mcp_server_versions_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_servers (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	display_name VARCHAR(256), 
	description TEXT, 
	icons JSON, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_servers_pk PRIMARY KEY (workspace, name)
);
CREATE TABLE "metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "metrics" VALUES('train/loss',1.38403666019439697265e+00,1795707158208,'419aa2366dca43c2aef5d3eaee6cd8e1',1,0);
INSERT INTO "metrics" VALUES('time/images_per_second',2.45393233309226889101e+04,1795707158208,'419aa2366dca43c2aef5d3eaee6cd8e1',1,0);
INSERT INTO "metrics" VALUES('test/loss',1.36245134989420568771e+00,1795707158208,'419aa2366dca43c2aef5d3eaee6cd8e1',1,0);
INSERT INTO "metrics" VALUES('test/clean_mse',3.40612837473551421929e-01,1795707158208,'419aa2366dca43c2aef5d3eaee6cd8e1',1,0);
INSERT INTO "metrics" VALUES('test/denoise_mse',3.40612837473551421929e-01,1795707158208,'419aa2366dca43c2aef5d3eaee6cd8e1',1,0);
INSERT INTO "metrics" VALUES('time/epoch_seconds',2.55965080004898482002e-02,1795707158208,'419aa2366dca43c2aef5d3eaee6cd8e1',1,0);
INSERT INTO "metrics" VALUES('train/loss',1.38317131996154785156e+00,1795707158243,'419aa2366dca43c2aef5d3eaee6cd8e1',2,0);
INSERT INTO "metrics" VALUES('time/images_per_second',9.51072520170952338987e+04,1795707158243,'419aa2366dca43c2aef5d3eaee6cd8e1',2,0);
INSERT INTO "metrics" VALUES('test/loss',1.36160326639811191107e+00,1795707158243,'419aa2366dca43c2aef5d3eaee6cd8e1',2,0);
INSERT INTO "metrics" VALUES('test/clean_mse',0.340400816599528,1795707158243,'419aa2366dca43c2aef5d3eaee6cd8e1',2,0);
INSERT INTO "metrics" VALUES('test/denoise_mse',0.340400816599528,1795707158243,'419aa2366dca43c2aef5d3eaee6cd8e1',2,0);
INSERT INTO "metrics" VALUES('time/epoch_seconds',2.33513350003704545088e-02,1795707158243,'419aa2366dca43c2aef5d3eaee6cd8e1',2,0);
INSERT INTO "metrics" VALUES('best/loss',1.36160326639811191107e+00,1795707158878,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('best/clean_mse',0.340400816599528,1795707158878,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('best/denoise_mse',0.340400816599528,1795707158878,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('best/epoch',2.0,1795707158878,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('test/psnr',4.81595174153645810832e+00,1795707158879,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('test/ssim',1.53156262636184696546e-02,1795707158879,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('robust/clean_mse',0.340400816599528,1795707158881,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('robust/gaussian_0.1_mse',0.340400816599528,1795707158881,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('robust/gaussian_0.25_mse',0.340400816599528,1795707158881,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('robust/gaussian_0.5_mse',0.340400816599528,1795707158881,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('robust/random_erasing_mse',0.340400816599528,1795707158881,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('robust/salt_and_pepper_mse',0.340400816599528,1795707158881,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('robust/masking_mse',0.340400816599528,1795707158881,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('robust/speckle_mse',0.340400816599528,1795707158881,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('robust/blur_mse',0.340400816599528,1795707158881,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('robust/mean_mse',0.340400816599528,1795707158881,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('latent/knn_accuracy',0.105,1795707158883,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('latent/linear_accuracy',1.18333333333333332038e-01,1795707158883,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('latent/silhouette',-5.23967564105987548828e-01,1795707158883,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('model/parameters',2357.0,1795707158884,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('time/scores_seconds',4.21145339999384304974e-01,1795707158884,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('time/run_seconds',2.63613343500037444755e+00,1795707159851,'419aa2366dca43c2aef5d3eaee6cd8e1',0,0);
INSERT INTO "metrics" VALUES('train/loss',2.3853359222412109375e+00,1795707161172,'cc4303c9037443d790af8946d3417ef2',1,0);
INSERT INTO "metrics" VALUES('time/images_per_second',2.72202181562503355959e+04,1795707161172,'cc4303c9037443d790af8946d3417ef2',1,0);
INSERT INTO "metrics" VALUES('test/loss',2.35904159545898428618e+00,1795707161172,'cc4303c9037443d790af8946d3417ef2',1,0);
INSERT INTO "metrics" VALUES('test/clean_mse',3.40613110860188805784e-01,1795707161172,'cc4303c9037443d790af8946d3417ef2',1,0);
INSERT INTO "metrics" VALUES('test/denoise_mse',3.40613110860188805784e-01,1795707161172,'cc4303c9037443d790af8946d3417ef2',1,0);
INSERT INTO "metrics" VALUES('time/epoch_seconds',2.15327329997307970188e-02,1795707161172,'cc4303c9037443d790af8946d3417ef2',1,0);
INSERT INTO "metrics" VALUES('train/loss',2.37954890727996826171e+00,1795707161198,'cc4303c9037443d790af8946d3417ef2',2,0);
INSERT INTO "metrics" VALUES('time/images_per_second',5.31478197601305146248e+04,1795707161198,'cc4303c9037443d790af8946d3417ef2',2,0);
INSERT INTO "metrics" VALUES('test/loss',2.35819562276204441886e+00,1795707161198,'cc4303c9037443d790af8946d3417ef2',2,0);
INSERT INTO "metrics" VALUES('test/clean_mse',3.40401522318522109511e-01,1795707161198,'cc4303c9037443d790af8946d3417ef2',2,0);
INSERT INTO "metrics" VALUES('test/denoise_mse',3.40401522318522109511e-01,1795707161198,'cc4303c9037443d790af8946d3417ef2',2,0);
INSERT INTO "metrics" VALUES('time/epoch_seconds',1.80896390002089901827e-02,1795707161198,'cc4303c9037443d790af8946d3417ef2',2,0);
INSERT INTO "metrics" VALUES('best/loss',2.35819562276204441886e+00,1795707161674,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('best/clean_mse',3.40401522318522109511e-01,1795707161674,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('best/denoise_mse',3.40401522318522109511e-01,1795707161674,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('best/epoch',2.0,1795707161674,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('test/psnr',4.81594421386718707367e+00,1795707161681,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('test/ssim',1.53200612465540560863e-02,1795707161681,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('robust/clean_mse',3.40401522318522109511e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('robust/gaussian_0.1_mse',3.40401522318522109511e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('robust/gaussian_0.25_mse',3.40401522318522109511e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('robust/gaussian_0.5_mse',3.40401522318522109511e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('robust/random_erasing_mse',3.40401522318522109511e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('robust/salt_and_pepper_mse',3.40401522318522109511e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('robust/masking_mse',3.40401522318522109511e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('robust/speckle_mse',3.40401522318522109511e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('robust/blur_mse',3.40401522318522109511e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('robust/mean_mse',3.40401522318522109511e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('latent/knn_accuracy',0.105,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('latent/linear_accuracy',1.18333333333333332038e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('latent/silhouette',-5.23967564105987548828e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('model/parameters',2357.0,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('time/scores_seconds',2.0315639000000373926e-01,1795707161690,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('time/run_seconds',1.81251066699951479677e+00,1795707162045,'cc4303c9037443d790af8946d3417ef2',0,0);
INSERT INTO "metrics" VALUES('train/loss',1.63461887836456298828e+00,1795707179225,'f69b8111636d44abab42e32a458283c0',1,0);
INSERT INTO "metrics" VALUES('time/images_per_second',4.57473586017271372818e+04,1795707179225,'f69b8111636d44abab42e32a458283c0',1,0);
INSERT INTO "metrics" VALUES('test/loss',1.61143725077311206206e+00,1795707179225,'f69b8111636d44abab42e32a458283c0',1,0);
INSERT INTO "metrics" VALUES('test/clean_mse',3.40612894694010404084e-01,1795707179225,'f69b8111636d44abab42e32a458283c0',1,0);
INSERT INTO "metrics" VALUES('test/denoise_mse',3.40612894694010404084e-01,1795707179225,'f69b8111636d44abab42e32a458283c0',1,0);
INSERT INTO "metrics" VALUES('time/epoch_seconds',3.24986509995142114348e-02,1795707179225,'f69b8111636d44abab42e32a458283c0',1,0);
INSERT INTO "metrics" VALUES('train/loss',1.63128352165222167968e+00,1795707179293,'f69b8111636d44abab42e32a458283c0',2,0);
INSERT INTO "metrics" VALUES('time/images_per_second',1.71762367433054569118e+04,1795707179293,'f69b8111636d44abab42e32a458283c0',2,0);
INSERT INTO "metrics" VALUES('test/loss',1.61058949788411465142e+00,1795707179293,'f69b8111636d44abab42e32a458283c0',2,0);
INSERT INTO "metrics" VALUES('test/clean_mse',3.40401000976562506661e-01,1795707179293,'f69b8111636d44abab42e32a458283c0',2,0);
INSERT INTO "metrics" VALUES('test/denoise_mse',3.40401000976562506661e-01,1795707179293,'f69b8111636d44abab42e32a458283c0',2,0);
INSERT INTO "metrics" VALUES('time/epoch_seconds',5.31891919999907258898e-02,1795707179293,'f69b8111636d44abab42e32a458283c0',2,0);
CREATE TABLE "model_definitions" (
	model_definition_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	secret_id VARCHAR(36), 
	provider VARCHAR(64) NOT NULL, 
	model_name VARCHAR(256) NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_definitions_pk PRIMARY KEY (model_definition_id), 
	CONSTRAINT fk_model_definitions_secret_id FOREIGN KEY(secret_id) REFERENCES secrets (secret_id) ON DELETE SET NULL, 
	CONSTRAINT uq_model_definitions_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE "model_version_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_tag_pk PRIMARY KEY (workspace, "key", name, version), 
	CONSTRAINT fk_model_version_tags_model_versions FOREIGN KEY(workspace, name, version) REFERENCES model_versions (workspace, name, version) ON UPDATE CASCADE
);
CREATE TABLE "model_versions" (
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	user_id VARCHAR(256), 
	current_stage VARCHAR(20), 
	source VARCHAR(500), 
	run_id VARCHAR(32), 
	status VARCHAR(20), 
	status_message VARCHAR(500), 
	run_link VARCHAR(500), 
	storage_location VARCHAR(500), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT fk_model_versions_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
CREATE TABLE online_scoring_configs (
	online_scoring_config_id VARCHAR(36) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	sample_rate FLOAT NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	filter_string TEXT, 
	CONSTRAINT online_scoring_config_pk PRIMARY KEY (online_scoring_config_id), 
	CONSTRAINT fk_online_scoring_configs_scorer_id FOREIGN KEY(scorer_id) REFERENCES scorers (scorer_id) ON DELETE CASCADE, 
	CONSTRAINT fk_online_scoring_configs_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
CREATE TABLE "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "params" VALUES('data.name','FashionMNIST','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('data.root','data','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('data.debian','dataset-fashion-mnist','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('data.train_size','512','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('data.test_size','600','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('data.holdout','0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('data.low','-1.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('data.high','1.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('noise._target_','denoise.noise.Identity','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('model._target_','denoise.model.Mlp','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('model.latent_dim','1','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('model.width','1','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('model.depth','1','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.tsne_codes','100','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.perplexity','30','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.random_state','307','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.map_seed','9','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.neighbours','10','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.probe_codes','100','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.pairwise_codes','100','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.clean._target_','denoise.noise.Identity','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.1._target_','denoise.noise.Gaussian','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.1.sigma','0.1','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.1.mean','0.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.25._target_','denoise.noise.Gaussian','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.25.sigma','0.25','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.25.mean','0.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.5._target_','denoise.noise.Gaussian','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.5.sigma','0.5','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.5.mean','0.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing._target_','denoise.noise.RandomErasing','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing.p','1.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing.scale','[0.02, 0.33]','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing.ratio','[0.3, 3.3]','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing.value','0.5','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper._target_','denoise.noise.SaltAndPepper','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper.amount','0.1','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper.salt_vs_pepper','0.5','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper.low','0.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper.high','1.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.masking._target_','denoise.noise.Masking','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.masking.fraction','0.25','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.masking.value','0.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.speckle._target_','denoise.noise.Speckle','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.speckle.sigma','0.5','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.speckle.low','0.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.blur._target_','denoise.noise.GaussianBlur','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.robust.blur.sigma','1.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('evaluation.loss_axis','[0.5, 2.5]','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('trainer.epochs','2','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('trainer.batch_size','256','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('trainer.learning_rate','0.001','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('trainer.weight_decay','1e-05','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('trainer.target','corrupted','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('trainer.device','auto','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('trainer.precision','float32','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('trainer.compile','False','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('protocol.name','study','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('protocol.score','test/loss','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('protocol.sigma','1.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('protocol.grey','0.0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('seed','0','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "params" VALUES('data.name','FashionMNIST','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('data.root','data','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('data.debian','dataset-fashion-mnist','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('data.train_size','512','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('data.test_size','600','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('data.holdout','0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('data.low','-1.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('data.high','1.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('noise._target_','denoise.noise.Gaussian','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('noise.sigma','1.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('noise.mean','0.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('model._target_','denoise.model.Mlp','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('model.latent_dim','1','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('model.width','1','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('model.depth','1','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.tsne_codes','100','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.perplexity','30','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.random_state','307','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.map_seed','9','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.neighbours','10','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.probe_codes','100','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.pairwise_codes','100','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.clean._target_','denoise.noise.Identity','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.1._target_','denoise.noise.Gaussian','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.1.sigma','0.1','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.1.mean','0.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.25._target_','denoise.noise.Gaussian','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.25.sigma','0.25','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.25.mean','0.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.5._target_','denoise.noise.Gaussian','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.5.sigma','0.5','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.5.mean','0.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing._target_','denoise.noise.RandomErasing','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing.p','1.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing.scale','[0.02, 0.33]','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing.ratio','[0.3, 3.3]','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing.value','0.5','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper._target_','denoise.noise.SaltAndPepper','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper.amount','0.1','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper.salt_vs_pepper','0.5','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper.low','0.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper.high','1.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.masking._target_','denoise.noise.Masking','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.masking.fraction','0.25','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.masking.value','0.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.speckle._target_','denoise.noise.Speckle','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.speckle.sigma','0.5','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.speckle.low','0.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.blur._target_','denoise.noise.GaussianBlur','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.robust.blur.sigma','1.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('evaluation.loss_axis','[0.5, 2.5]','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('trainer.epochs','2','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('trainer.batch_size','256','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('trainer.learning_rate','0.001','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('trainer.weight_decay','1e-05','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('trainer.target','corrupted','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('trainer.device','auto','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('trainer.precision','float32','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('trainer.compile','False','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('protocol.name','study','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('protocol.score','test/loss','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('protocol.sigma','1.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('protocol.grey','0.0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('seed','0','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "params" VALUES('data.name','FashionMNIST','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('data.root','data','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('data.debian','dataset-fashion-mnist','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('data.train_size','512','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('data.test_size','600','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('data.holdout','0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('data.low','-1.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('data.high','1.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('noise._target_','denoise.noise.Gaussian','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('noise.sigma','0.5','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('noise.mean','0.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('model._target_','denoise.model.Mlp','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('model.latent_dim','1','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('model.width','1','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('model.depth','1','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.tsne_codes','100','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.perplexity','30','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.random_state','307','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.map_seed','9','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.neighbours','10','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.probe_codes','100','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.pairwise_codes','100','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.clean._target_','denoise.noise.Identity','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.1._target_','denoise.noise.Gaussian','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.1.sigma','0.1','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.1.mean','0.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.25._target_','denoise.noise.Gaussian','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.25.sigma','0.25','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.25.mean','0.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.5._target_','denoise.noise.Gaussian','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.5.sigma','0.5','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.gaussian_0.5.mean','0.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing._target_','denoise.noise.RandomErasing','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing.p','1.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing.scale','[0.02, 0.33]','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing.ratio','[0.3, 3.3]','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.random_erasing.value','0.5','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper._target_','denoise.noise.SaltAndPepper','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper.amount','0.1','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper.salt_vs_pepper','0.5','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper.low','0.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.salt_and_pepper.high','1.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.masking._target_','denoise.noise.Masking','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.masking.fraction','0.25','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.masking.value','0.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.speckle._target_','denoise.noise.Speckle','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.speckle.sigma','0.5','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.speckle.low','0.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.blur._target_','denoise.noise.GaussianBlur','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.robust.blur.sigma','1.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('evaluation.loss_axis','[0.5, 2.5]','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('trainer.epochs','12','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('trainer.batch_size','256','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('trainer.learning_rate','0.001','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('trainer.weight_decay','1e-05','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('trainer.target','corrupted','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('trainer.device','auto','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('trainer.precision','float32','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('trainer.compile','False','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('protocol.name','study','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('protocol.score','test/loss','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('protocol.sigma','1.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('protocol.grey','0.0','f69b8111636d44abab42e32a458283c0');
INSERT INTO "params" VALUES('seed','0','f69b8111636d44abab42e32a458283c0');
CREATE TABLE "registered_model_aliases" (
	alias VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_alias_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT fk_registered_model_aliases_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE "registered_model_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_tag_pk PRIMARY KEY (workspace, "key", name), 
	CONSTRAINT fk_registered_model_tags_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
CREATE TABLE "registered_models" (
	name VARCHAR(256) NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_pk PRIMARY KEY (workspace, name)
);
CREATE TABLE review_queue_items (
	queue_id VARCHAR(36) NOT NULL, 
	item_type VARCHAR(16) NOT NULL, 
	item_id VARCHAR(50) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	completed_by VARCHAR(250), 
	completed_time_ms BIGINT, 
	creation_time_ms BIGINT NOT NULL, 
	last_update_time_ms BIGINT NOT NULL, 
	CONSTRAINT review_queue_items_pk PRIMARY KEY (queue_id, item_id), 
	CONSTRAINT fk_review_queue_items_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queue_label_schemas (
	queue_id VARCHAR(36) NOT NULL, 
	schema_id VARCHAR(36) NOT NULL, 
	CONSTRAINT review_queue_label_schemas_pk PRIMARY KEY (queue_id, schema_id), 
	CONSTRAINT fk_review_queue_label_schemas_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queue_users (
	queue_id VARCHAR(36) NOT NULL, 
	user_id VARCHAR(250) NOT NULL, 
	CONSTRAINT review_queue_users_pk PRIMARY KEY (queue_id, user_id), 
	CONSTRAINT fk_review_queue_users_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queues (
	queue_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	queue_type VARCHAR(16) NOT NULL, 
	created_by VARCHAR(255), 
	creation_time_ms BIGINT NOT NULL, 
	last_update_time_ms BIGINT NOT NULL, 
	name_key VARCHAR(250) NOT NULL, 
	CONSTRAINT review_queues_pk PRIMARY KEY (queue_id), 
	CONSTRAINT fk_review_queues_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT uq_review_queues_experiment_name_key UNIQUE (experiment_id, name_key)
);
CREATE TABLE "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
INSERT INTO "runs" VALUES('419aa2366dca43c2aef5d3eaee6cd8e1','none mlp width=1 depth=1 latent_dim=1 smoke train_size=512 test_size=600 tsne_codes=100 map_seed=9 probe_codes=100 pairwise_codes=100 epochs=2','UNKNOWN','','','root','FINISHED',1795707157269,1795707159859,'','active','/FOLDER/mlruns/1/419aa2366dca43c2aef5d3eaee6cd8e1/artifacts',1,NULL);
INSERT INTO "runs" VALUES('cc4303c9037443d790af8946d3417ef2','gaussian σ=1 mlp width=1 depth=1 latent_dim=1 smoke train_size=512 test_size=600 tsne_codes=100 map_seed=9 probe_codes=100 pairwise_codes=100 epochs=2','UNKNOWN','','','root','FINISHED',1795707160240,1795707162056,'','active','/FOLDER/mlruns/1/cc4303c9037443d790af8946d3417ef2/artifacts',1,NULL);
INSERT INTO "runs" VALUES('438966d59b3040018d5b30d563035220','sweep 2026-11-26_15-32-26_114981','UNKNOWN','','','root','FINISHED',1795707155078,1795707163573,'','active','/FOLDER/mlruns/1/438966d59b3040018d5b30d563035220/artifacts',1,NULL);
INSERT INTO "runs" VALUES('f69b8111636d44abab42e32a458283c0','gaussian σ=0.5 mlp width=1 depth=1 latent_dim=1 smoke train_size=512 test_size=600 tsne_codes=100 map_seed=9 probe_codes=100 pairwise_codes=100 epochs=12','UNKNOWN','','','root','RUNNING',1795707177372,NULL,'','active','/FOLDER/mlruns/1/f69b8111636d44abab42e32a458283c0/artifacts',1,NULL);
CREATE TABLE scheduler_leases (
	lease_key VARCHAR(255) NOT NULL, 
	acquired_at BIGINT NOT NULL, 
	ttl_seconds INTEGER NOT NULL, 
	CONSTRAINT scheduler_leases_pk PRIMARY KEY (lease_key)
);
CREATE TABLE scorer_versions (
	scorer_id VARCHAR(36) NOT NULL, 
	scorer_version INTEGER NOT NULL, 
	serialized_scorer TEXT NOT NULL, 
	creation_time BIGINT, 
	CONSTRAINT scorer_version_pk PRIMARY KEY (scorer_id, scorer_version), 
	CONSTRAINT fk_scorer_versions_scorer_id FOREIGN KEY(scorer_id) REFERENCES scorers (scorer_id) ON DELETE CASCADE
);
CREATE TABLE scorers (
	experiment_id INTEGER NOT NULL, 
	scorer_name VARCHAR(256) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	CONSTRAINT scorer_pk PRIMARY KEY (scorer_id), 
	CONSTRAINT fk_scorers_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE "secrets" (
	secret_id VARCHAR(36) NOT NULL, 
	secret_name VARCHAR(255) NOT NULL, 
	encrypted_value BLOB NOT NULL, 
	wrapped_dek BLOB NOT NULL, 
	kek_version INTEGER NOT NULL, 
	masked_value VARCHAR(500) NOT NULL, 
	provider VARCHAR(64), 
	auth_config TEXT, 
	description TEXT, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT secrets_pk PRIMARY KEY (secret_id), 
	CONSTRAINT uq_secrets_workspace_secret_name UNIQUE (workspace, secret_name)
);
CREATE TABLE span_metrics (
	trace_id VARCHAR(50) NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT, 
	CONSTRAINT span_metrics_pk PRIMARY KEY (trace_id, span_id, "key"), 
	CONSTRAINT fk_span_metrics_span FOREIGN KEY(trace_id, span_id) REFERENCES spans (trace_id, span_id) ON DELETE CASCADE
);
CREATE TABLE "spans" (
	trace_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	parent_span_id VARCHAR(50), 
	name TEXT, 
	type VARCHAR(500), 
	status VARCHAR(50) NOT NULL, 
	start_time_unix_nano BIGINT NOT NULL, 
	end_time_unix_nano BIGINT, 
	duration_ns BIGINT GENERATED ALWAYS AS (end_time_unix_nano - start_time_unix_nano) STORED, 
	content TEXT NOT NULL, 
	input_cost FLOAT, 
	output_cost FLOAT, 
	total_cost FLOAT, 
	model_name VARCHAR(500), 
	model_provider VARCHAR(500), 
	CONSTRAINT spans_pk PRIMARY KEY (trace_id, span_id), 
	CONSTRAINT fk_spans_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_spans_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE sql_assessment_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT sql_assessment_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_span_cost_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	model_name VARCHAR(500), 
	model_provider VARCHAR(500), 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT sql_span_cost_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_trace_metric_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	trace_status VARCHAR(50), 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	p50_value FLOAT, 
	p90_value FLOAT, 
	p99_value FLOAT, 
	CONSTRAINT sql_trace_metric_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_trace_rollup_rebuild_queue (
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	rollup_family VARCHAR(50) NOT NULL, 
	CONSTRAINT sql_trace_rollup_rebuild_queue_pk PRIMARY KEY (experiment_id, rollup_day, rollup_family)
);
CREATE TABLE "tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "tags" VALUES('mlflow.user','root','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('mlflow.source.name','python -m denoise','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','651a9db1f223b73413444a8c8625c6d6994b46a9','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('mlflow.source.git.branch','main','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('mlflow.source.git.repoURL','/FOLDER','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('mlflow.loggedImages','True','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('sweep','2026-11-26_15-32-26_114981','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('noise','none','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('model','mlp','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('protocol','study','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('config_hash','34194eb51b80e4bf','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('baseline_hash','34194eb51b80e4bf','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('git.commit','651a9db1f223b73413444a8c8625c6d6994b46a9','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('git.dirty','false','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('owner','{"host": "earlier-host", "pid": 26395, "place": "b4c29c1d-6745-42ce-b76b-965def36b1cf pid:[4026531836]", "born": "690658"}','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('heartbeat','1795707157','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('mlflow.runName','none mlp width=1 depth=1 latent_dim=1 smoke train_size=512 test_size=600 tsne_codes=100 map_seed=9 probe_codes=100 pairwise_codes=100 epochs=2','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('mlflow.user','root','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('mlflow.source.name','python -m denoise','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','651a9db1f223b73413444a8c8625c6d6994b46a9','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('mlflow.source.git.branch','main','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('mlflow.source.git.repoURL','/FOLDER','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('mlflow.loggedImages','True','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('sweep','2026-11-26_15-32-26_114981','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('noise','gaussian','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('model','mlp','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('protocol','study','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('config_hash','319a2fdb9b868bd2','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('baseline_hash','34194eb51b80e4bf','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('git.commit','651a9db1f223b73413444a8c8625c6d6994b46a9','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('git.dirty','false','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('owner','{"host": "earlier-host", "pid": 26395, "place": "b4c29c1d-6745-42ce-b76b-965def36b1cf pid:[4026531836]", "born": "690658"}','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('heartbeat','1795707160','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('mlflow.runName','gaussian σ=1 mlp width=1 depth=1 latent_dim=1 smoke train_size=512 test_size=600 tsne_codes=100 map_seed=9 probe_codes=100 pairwise_codes=100 epochs=2','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('mlflow.runColor','#1f77b4','419aa2366dca43c2aef5d3eaee6cd8e1');
INSERT INTO "tags" VALUES('mlflow.runColor','#ff7f0e','cc4303c9037443d790af8946d3417ef2');
INSERT INTO "tags" VALUES('mlflow.user','root','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('mlflow.source.name','python -m denoise','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','651a9db1f223b73413444a8c8625c6d6994b46a9','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('mlflow.source.git.branch','main','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('mlflow.source.git.repoURL','/FOLDER','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('mlflow.loggedImages','True','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('sweep','2026-11-26_15-32-26_114981','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('summary','true','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('mlflow.note.content','| run | status | epoch 1 train / test | last epoch train / test | clean MSE | time | run id |
| --- | --- | --- | --- | --- | --- | --- |
| none mlp width=1 depth=1 latent_dim=1 smoke train_size=512 test_size=600 tsne_codes=100 map_seed=9 probe_codes=100 pairwise_codes=100 epochs=2 | FINISHED | 1.3840 / 1.3625 | 1.3832 / 1.3616 | 0.34040 | 0:03 | 419aa2366dca43c2aef5d3eaee6cd8e1 |
| gaussian σ=1 mlp width=1 depth=1 latent_dim=1 smoke train_size=512 test_size=600 tsne_codes=100 map_seed=9 probe_codes=100 pairwise_codes=100 epochs=2 | FINISHED | 2.3853 / 2.3590 | 2.3795 / 2.3582 | 0.34040 | 0:02 | cc4303c9037443d790af8946d3417ef2 |
','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('owner','{"host": "earlier-host", "pid": 26395, "place": "b4c29c1d-6745-42ce-b76b-965def36b1cf pid:[4026531836]", "born": "690658"}','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('heartbeat','1795707164','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('mlflow.runName','sweep 2026-11-26_15-32-26_114981','438966d59b3040018d5b30d563035220');
INSERT INTO "tags" VALUES('mlflow.user','root','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('mlflow.source.name','python -m denoise','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('mlflow.source.type','LOCAL','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('mlflow.source.git.commit','651a9db1f223b73413444a8c8625c6d6994b46a9','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('mlflow.source.git.branch','main','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('mlflow.source.git.repoURL','/FOLDER','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('mlflow.loggedImages','True','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('sweep','2026-11-26_15-32-47_257503','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('noise','gaussian','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('model','mlp','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('protocol','study','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('config_hash','ce3076993cae673b','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('baseline_hash','e42581aa0d63bbd2','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('git.commit','651a9db1f223b73413444a8c8625c6d6994b46a9','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('git.dirty','false','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('owner','{"host": "earlier-host", "pid": 26457, "place": "b4c29c1d-6745-42ce-b76b-965def36b1cf pid:[4026531836]", "born": "692812"}','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('heartbeat','1795707177','f69b8111636d44abab42e32a458283c0');
INSERT INTO "tags" VALUES('mlflow.runName','gaussian σ=0.5 mlp width=1 depth=1 latent_dim=1 smoke train_size=512 test_size=600 tsne_codes=100 map_seed=9 probe_codes=100 pairwise_codes=100 epochs=12','f69b8111636d44abab42e32a458283c0');
CREATE TABLE "trace_info" (
	request_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	timestamp_ms BIGINT NOT NULL, 
	execution_time_ms BIGINT, 
	status VARCHAR(50) NOT NULL, 
	client_request_id VARCHAR(50), 
	request_preview VARCHAR(1000), 
	response_preview VARCHAR(1000), 
	db_payload_generation INTEGER DEFAULT '0' NOT NULL, trace_name VARCHAR(4096), session_id VARCHAR(250), input_tokens BIGINT, output_tokens BIGINT, total_tokens BIGINT, cache_read_input_tokens BIGINT, cache_creation_input_tokens BIGINT, cache_creation_input_tokens_above_1hr BIGINT, input_cost FLOAT, output_cost FLOAT, total_cost FLOAT, 
	CONSTRAINT trace_info_pk PRIMARY KEY (request_id), 
	CONSTRAINT fk_trace_info_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE trace_metrics (
	request_id VARCHAR(50) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT, 
	CONSTRAINT trace_metrics_pk PRIMARY KEY (request_id, "key"), 
	CONSTRAINT fk_trace_metrics_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE "trace_request_metadata" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	request_id VARCHAR(50) NOT NULL, 
	CONSTRAINT trace_request_metadata_pk PRIMARY KEY ("key", request_id), 
	CONSTRAINT fk_trace_request_metadata_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE "trace_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	request_id VARCHAR(50) NOT NULL, 
	CONSTRAINT trace_tag_pk PRIMARY KEY ("key", request_id), 
	CONSTRAINT fk_trace_tags_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE webhook_events (
	webhook_id VARCHAR(256) NOT NULL, 
	entity VARCHAR(50) NOT NULL, 
	action VARCHAR(50) NOT NULL, 
	CONSTRAINT webhook_event_pk PRIMARY KEY (webhook_id, entity, action), 
	FOREIGN KEY(webhook_id) REFERENCES webhooks (webhook_id) ON DELETE cascade
);
CREATE TABLE "webhooks" (
	webhook_id VARCHAR(256) NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	description VARCHAR(1000), 
	url VARCHAR(500) NOT NULL, 
	status VARCHAR(20) DEFAULT 'ACTIVE' NOT NULL, 
	secret VARCHAR(1000), 
	creation_timestamp BIGINT, 
	last_updated_timestamp BIGINT, 
	deleted_timestamp BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT webhook_pk PRIMARY KEY (webhook_id)
);
CREATE TABLE workspaces (
	name VARCHAR(63) NOT NULL, 
	description TEXT, 
	default_artifact_root TEXT, trace_archival_location TEXT, trace_archival_retention VARCHAR(32), 
	CONSTRAINT workspaces_pk PRIMARY KEY (name)
);
INSERT INTO "workspaces" VALUES('default','Default workspace for legacy resources',NULL,NULL,NULL);
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_latest_metrics_run_uuid ON latest_metrics (run_uuid);
CREATE INDEX index_inputs_input_uuid ON inputs (input_uuid);
CREATE INDEX index_inputs_destination_type_destination_id_source_type ON inputs (destination_type, destination_id, source_type);
CREATE INDEX index_params_run_uuid ON params (run_uuid);
CREATE INDEX index_trace_tags_request_id ON trace_tags (request_id);
CREATE INDEX index_trace_request_metadata_request_id ON trace_request_metadata (request_id);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
CREATE INDEX index_datasets_dataset_uuid ON datasets (dataset_uuid);
CREATE INDEX index_datasets_experiment_id_dataset_source_type ON datasets (experiment_id, dataset_source_type);
CREATE INDEX index_logged_model_metrics_model_id ON logged_model_metrics (model_id);
CREATE INDEX index_entity_associations_association_id ON entity_associations (association_id);
CREATE INDEX index_entity_associations_reverse_lookup ON entity_associations (destination_type, destination_id, source_type, source_id);
CREATE INDEX idx_webhook_events_entity ON webhook_events (entity);
CREATE INDEX idx_webhook_events_action ON webhook_events (action);
CREATE INDEX idx_webhook_events_entity_action ON webhook_events (entity, action);
CREATE UNIQUE INDEX index_scorers_experiment_id_scorer_name ON scorers (experiment_id, scorer_name);
CREATE INDEX index_scorer_versions_scorer_id ON scorer_versions (scorer_id);
CREATE INDEX index_evaluation_dataset_tags_dataset_id ON evaluation_dataset_tags (dataset_id);
CREATE INDEX index_evaluation_dataset_records_dataset_id ON evaluation_dataset_records (dataset_id);
CREATE INDEX index_endpoint_model_mappings_endpoint_id ON endpoint_model_mappings (endpoint_id);
CREATE INDEX index_endpoint_model_mappings_model_definition_id ON endpoint_model_mappings (model_definition_id);
CREATE INDEX index_endpoint_tags_endpoint_id ON endpoint_tags (endpoint_id);
CREATE INDEX index_trace_metrics_request_id ON trace_metrics (request_id);
CREATE UNIQUE INDEX unique_endpoint_model_linkage_mapping ON endpoint_model_mappings (endpoint_id, model_definition_id, linkage_type);
CREATE INDEX index_span_metrics_trace_id_span_id ON span_metrics (trace_id, span_id);
CREATE INDEX index_evaluation_datasets_created_time ON evaluation_datasets (created_time);
CREATE INDEX index_evaluation_datasets_name ON evaluation_datasets (name);
CREATE INDEX idx_webhooks_status ON webhooks (status);
CREATE INDEX idx_webhooks_name ON webhooks (name);
CREATE TRIGGER prevent_secrets_aad_mutation
BEFORE UPDATE ON secrets
FOR EACH ROW
WHEN OLD.secret_id != NEW.secret_id OR OLD.secret_name != NEW.secret_name
BEGIN
    SELECT RAISE(ABORT, 'secret_id and secret_name are immutable (used as AAD in encryption)');
END;
CREATE INDEX index_model_definitions_provider ON model_definitions (provider);
CREATE INDEX index_model_definitions_secret_id ON model_definitions (secret_id);
CREATE INDEX index_jobs_name_status_creation_time ON jobs (job_name, workspace, status, creation_time);
CREATE INDEX idx_experiments_workspace ON experiments (workspace);
CREATE INDEX idx_registered_models_workspace ON registered_models (workspace);
CREATE INDEX idx_experiments_workspace_creation_time ON experiments (workspace, creation_time);
CREATE INDEX idx_evaluation_datasets_workspace ON evaluation_datasets (workspace);
CREATE INDEX idx_webhooks_workspace ON webhooks (workspace);
CREATE INDEX idx_secrets_workspace ON secrets (workspace);
CREATE INDEX idx_endpoints_workspace ON endpoints (workspace);
CREATE INDEX idx_model_definitions_workspace ON model_definitions (workspace);
CREATE INDEX idx_budget_policies_workspace ON budget_policies (workspace);
CREATE INDEX index_issues_experiment_id ON issues (experiment_id);
CREATE INDEX index_issues_source_run_id ON issues (source_run_id);
CREATE INDEX index_issues_status ON issues (status);
CREATE INDEX index_metrics_run_uuid_key_step ON metrics (run_uuid, "key", step);
CREATE INDEX idx_guardrails_workspace ON guardrails (workspace);
CREATE INDEX idx_guardrails_scorer ON guardrails (scorer_id, scorer_version);
CREATE INDEX idx_guardrail_configs_endpoint_id ON guardrail_configs (endpoint_id);
CREATE INDEX idx_guardrail_configs_guardrail_id ON guardrail_configs (guardrail_id);
CREATE INDEX idx_model_version_tags_workspace_name_version ON model_version_tags (workspace, name, version);
CREATE INDEX idx_registered_model_tags_workspace_name ON registered_model_tags (workspace, name);
CREATE INDEX index_label_schemas_experiment_id ON label_schemas (experiment_id);
CREATE INDEX index_review_queues_experiment_id ON review_queues (experiment_id);
CREATE INDEX index_review_queue_users_user_id ON review_queue_users (user_id);
CREATE INDEX index_review_queue_items_queue_id_status ON review_queue_items (queue_id, status);
CREATE INDEX index_review_queue_items_item_id ON review_queue_items (item_id);
CREATE INDEX index_review_queue_label_schemas_schema_id ON review_queue_label_schemas (schema_id);
CREATE INDEX idx_mcp_server_versions_latest ON mcp_server_versions (workspace, name, status, version_major DESC, version_minor DESC, version_patch DESC);
CREATE INDEX ix_mcp_access_endpoints_server_name ON mcp_access_endpoints (workspace, server_name);
CREATE INDEX ix_mcp_access_endpoints_version ON mcp_access_endpoints (workspace, server_name, server_version);
CREATE INDEX ix_mcp_access_endpoints_alias ON mcp_access_endpoints (workspace, server_name, server_alias);
CREATE INDEX idx_budget_policies_target_value ON budget_policies (target_value);
CREATE INDEX index_trace_info_experiment_id_timestamp_ms ON trace_info (experiment_id, timestamp_ms);
CREATE INDEX index_trace_info_timestamp_ms_request_id ON trace_info (timestamp_ms, request_id);
CREATE INDEX index_assessments_run_id_created_timestamp ON assessments (run_id, created_timestamp);
CREATE INDEX index_assessments_assessment_type ON assessments (assessment_type);
CREATE INDEX index_assessments_last_updated_timestamp ON assessments (last_updated_timestamp);
CREATE INDEX index_assessments_trace_id_created_timestamp ON assessments (trace_id, created_timestamp);
CREATE INDEX index_spans_experiment_id_status_type ON spans (experiment_id, status, type);
CREATE INDEX index_spans_experiment_id_start_time ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX index_spans_experiment_id_type_status ON spans (experiment_id, type, status);
CREATE INDEX index_spans_experiment_id_duration ON spans (experiment_id, duration_ns);
CREATE INDEX index_trace_info_experiment_id_session_id ON trace_info (experiment_id, session_id);
CREATE INDEX idx_trace_rollups_lookup ON sql_trace_metric_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set, trace_status);
CREATE INDEX idx_span_cost_rollups_lookup ON sql_span_cost_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set, model_name, model_provider);
CREATE INDEX idx_assessment_rollups_lookup ON sql_assessment_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set);
CREATE INDEX idx_spans_cost_trace_time_cover ON spans (trace_id, start_time_unix_nano);
CREATE INDEX idx_spans_cost_exp_time_cover ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX idx_assessments_exp_trace_ts ON assessments (experiment_id, trace_timestamp_ms);
CREATE INDEX idx_assessments_exp_trace_ts_name ON assessments (experiment_id, trace_timestamp_ms, name);
CREATE INDEX idx_assessments_exp_name_valid ON assessments (experiment_id, name, valid);
CREATE INDEX index_job_locks_job_id ON job_locks (job_id);
CREATE INDEX index_jobs_status_lease_expires_at ON jobs (status, lease_expires_at);
COMMIT;
